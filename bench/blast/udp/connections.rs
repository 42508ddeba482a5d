use super::ports::{Port, reply_batch};
use crate::outstanding::Clock;
use anyhow::bail;
use primitives::CompactIpv4;
use std::time::{Duration, Instant};
use udp_protocol::{ConnectRequest, ConnectionId, Response, TransactionId, decode_response};
use udp_socket::ReceiveBatch;
use zerocopy::IntoBytes;

/// Seconds for which an id is used. BEP 15: clients may use one for a minute.
const RENEW_S: u64 = 55;

/// Time within which the tracker must answer all connects of a load.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Time for which an attack waits for ids, before it continues with those it has.
const ATTACK_CONNECT_MAX: Duration = Duration::from_millis(100);

/// Limit of outstanding connects.
const CONNECTS_AT_ONCE: usize = 64;

/// The connection ids of all source addresses at one source port. Some trackers bind an id to both.
#[derive(Debug)]
pub(crate) struct Connections {
    ids: Vec<Option<ConnectionId>>,
    renewed_ns: u64,
}

impl Connections {
    /// Connects from all sources of this port. Replies to other outstanding requests are lost.
    pub(crate) fn establish(port: &mut Port, clock: Clock) -> anyhow::Result<Self> {
        Self::establish_within(CONNECT_MAX, port, clock)
    }

    fn establish_within(time: Duration, port: &mut Port, clock: Clock) -> anyhow::Result<Self> {
        let ids = vec![None; port.sources.count() as usize];
        let mut connections = Self { ids, renewed_ns: clock.now_ns() };
        let mut replies = reply_batch();
        let deadline = Instant::now() + time;
        loop {
            let missing: Vec<u32> = connections.missing().take(CONNECTS_AT_ONCE).collect();
            if missing.is_empty() {
                return Ok(connections);
            }
            if Instant::now() > deadline {
                bail!("the tracker at {} did not answer connects", port.sources.target);
            }
            for &source in &missing {
                let request = ConnectRequest::new(TransactionId(source.to_be_bytes()));
                port.send_one(source, request.as_bytes());
            }
            connections.collect(port, missing.len(), &mut replies)?;
        }
    }

    /// Returns the id of a source. All sources are connected before the load begins.
    pub(crate) fn id(&self, source: u32) -> ConnectionId {
        self.ids[source as usize].unwrap_or(ConnectionId([0; 8]))
    }

    /// Replaces the ids by new ones.
    pub(crate) fn renew(&mut self, port: &mut Port, clock: Clock) -> anyhow::Result<()> {
        *self = Self::establish(port, clock)?;
        Ok(())
    }

    /// Replaces the ids by new ones if the tracker grants them at once. An attack does not end because the tracker
    /// has learned to ignore it.
    pub(crate) fn try_to_renew(&mut self, port: &mut Port, clock: Clock) {
        match Self::establish_within(ATTACK_CONNECT_MAX, port, clock) {
            Ok(renewed) => *self = renewed,
            Err(_) => self.renewed_ns = clock.now_ns(),
        }
    }

    /// Returns whether the ids must be renewed.
    pub(crate) fn are_due(&self, clock: Clock) -> bool {
        clock.now_ns() - self.renewed_ns > RENEW_S * 1_000_000_000
    }

    fn missing(&self) -> impl Iterator<Item = u32> {
        let missing = self.ids.iter().enumerate().filter(|(_, id)| id.is_none());
        missing.filter_map(|(source, _)| u32::try_from(source).ok())
    }

    /// Collects ids until all `asked` ones have come, or none has come for a moment.
    fn collect(&mut self, port: &Port, asked: usize, replies: &mut ReceiveBatch) -> anyhow::Result<()> {
        let patience = Duration::from_millis(20);
        let (mut last, mut collected) = (Instant::now(), 0);
        while collected < asked && last.elapsed() < patience {
            if port.receive(replies)? == 0 {
                continue;
            }
            last = Instant::now();
            for reply in replies.iter() {
                let Ok(Response::Connect(response)) = decode_response::<CompactIpv4>(reply.bytes) else {
                    continue;
                };
                // Late answers to connects of the load have other transaction ids.
                let source = u32::from_be_bytes(response.transaction_id.0) as usize;
                if let Some(id) = self.ids.get_mut(source) {
                    collected += usize::from(id.replace(response.connection_id).is_none());
                }
            }
        }
        Ok(())
    }
}
