use crate::outstanding::Clock;
use crate::sockets::{Kind, Port, reply_batch};
use anyhow::{bail, ensure};
use primitives::CompactIpv4;
use std::time::{Duration, Instant};
use udp_protocol::{ConnectRequest, ConnectionId, Response, TransactionId, decode_response};
use zerocopy::IntoBytes;

/// Seconds for which an id is used. BEP 15: clients may use one for a minute.
const RENEW_S: u64 = 55;

/// Seconds in which the tracker must have answered all first connects.
const CONNECT_S_MAX: u64 = 10;

/// Connects on their way at once.
const CONNECTS_AT_ONCE: usize = 64;

/// The connection ids of the source addresses towards one target.
#[derive(Debug)]
pub(crate) struct Connections {
    ids: Vec<Option<ConnectionId>>,
    renewed_ns: u64,
}

impl Connections {
    /// Connects from all `sources`.
    pub(crate) fn establish(port: &mut Port, sources: u32, clock: Clock) -> anyhow::Result<Self> {
        debug_assert_eq!(port.kind, Kind::Connect);
        let mut connections = Self { ids: vec![None; sources as usize], renewed_ns: clock.now_ns() };
        let mut replies = reply_batch();
        let deadline = Instant::now() + Duration::from_secs(CONNECT_S_MAX);
        loop {
            let missing: Vec<u32> = connections.missing().take(CONNECTS_AT_ONCE).collect();
            if missing.is_empty() {
                return Ok(connections);
            }
            if Instant::now() > deadline {
                bail!("the tracker at {} did not answer connects", port.target);
            }
            for source in missing {
                let request = ConnectRequest::new(TransactionId(source.to_be_bytes()));
                port.send_run(source, 1, |place| place.copy_from_slice(request.as_bytes()));
            }
            connections.collect(port, &mut replies)?;
        }
    }

    /// The id of a source. All sources are connected when the load begins.
    pub(crate) fn id(&self, source: u32) -> ConnectionId {
        self.ids[source as usize].unwrap_or(ConnectionId([0; 8]))
    }

    /// Whether it is time to connect anew.
    pub(crate) fn are_due(&self, clock: Clock) -> bool {
        clock.now_ns() - self.renewed_ns > RENEW_S * 1_000_000_000
    }

    fn missing(&self) -> impl Iterator<Item = u32> {
        let missing = self.ids.iter().enumerate().filter(|(_, id)| id.is_none());
        missing.filter_map(|(source, _)| u32::try_from(source).ok())
    }

    /// Takes ids in until none has come for a moment.
    fn collect(&mut self, port: &Port, replies: &mut udp_socket::ReceiveBatch) -> anyhow::Result<()> {
        let patience = Duration::from_millis(20);
        let mut last = Instant::now();
        while last.elapsed() < patience {
            if port.receive(replies)? == 0 {
                continue;
            }
            last = Instant::now();
            for reply in replies.iter() {
                let Ok(Response::Connect(response)) = decode_response::<CompactIpv4>(reply.bytes) else {
                    continue;
                };
                let source = u32::from_be_bytes(response.transaction_id.0) as usize;
                ensure!(source < self.ids.len(), "a connect was answered with a transaction id never sent");
                self.ids[source] = Some(response.connection_id);
            }
        }
        Ok(())
    }
}
