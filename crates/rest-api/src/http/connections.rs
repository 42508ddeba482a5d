use crate::limits::{
    CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, LOOPBACK_CONNECTIONS_MAX, UNPROVED_TIME_MAX,
};
use primitives::canonical_ip;
use std::collections::HashMap;
use std::future::pending;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

/// An open connection, shared with its requests.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) address: IpAddr,
    /// When the connection is closed unless a request with a valid token has arrived.
    pub(crate) deadline: Instant,
    /// Whether a request with a valid token has arrived.
    proved: Arc<watch::Sender<bool>>,
}

/// The open connections of a listener, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Vec<(Connection, AbortHandle)>,
}

/// Returns the source that limits apply to: an IPv4 address, or an IPv6 /64, since a host usually has all of one.
pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match canonical_ip(address) {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Connection {
    pub(crate) fn new(address: IpAddr) -> Self {
        let deadline = Instant::now() + UNPROVED_TIME_MAX;
        Self { address: canonical_ip(address), deadline, proved: Arc::new(watch::Sender::new(false)) }
    }

    /// Records that a request with a valid token has arrived.
    pub(crate) fn prove(&self) {
        self.proved.send_replace(true);
    }

    /// Returns whether a request with a valid token has arrived.
    pub(crate) fn is_proved(&self) -> bool {
        *self.proved.borrow()
    }

    /// Completes at the deadline if no request with a valid token has arrived by then, otherwise never.
    pub(crate) async fn overdue(&self) {
        let mut proved = self.proved.subscribe();
        if timeout_at(self.deadline, proved.wait_for(|is_proved| *is_proved)).await.is_ok() {
            pending::<()>().await;
        }
    }
}

impl Connections {
    /// Makes room for a connection: at a limit, closes the oldest connection without a token of the source that has the
    /// most of them. Returns whether there is room.
    pub(crate) fn make_room(&mut self, address: IpAddr) -> bool {
        self.open.retain(|(_, task)| !task.is_finished());
        let (source, is_loopback) = (source_of(address), canonical_ip(address).is_loopback());
        let is_of_source = |other: &Connection| source_of(other.address) == source;
        let is_of_pool = |other: &Connection| other.address.is_loopback() == is_loopback;
        if !is_loopback && self.count(is_of_source) >= CONNECTIONS_PER_SOURCE_MAX {
            return self.close_one(is_of_source);
        }
        let pool_max = if is_loopback { LOOPBACK_CONNECTIONS_MAX } else { CONNECTIONS_MAX };
        self.count(is_of_pool) < pool_max || self.close_one(is_of_pool)
    }

    /// Adds a connection, after [`Self::make_room`], with the task that serves it.
    pub(crate) fn add(&mut self, connection: Connection, task: AbortHandle) {
        self.open.push((connection, task));
    }

    fn count(&self, is_counted: impl Fn(&Connection) -> bool) -> usize {
        self.open.iter().filter(|(connection, _)| is_counted(connection)).count()
    }

    fn close_one(&mut self, may_be_closed: impl Fn(&Connection) -> bool) -> bool {
        let unproved = |(_, (connection, _)): &(usize, &(Connection, AbortHandle))| {
            may_be_closed(connection) && !connection.is_proved()
        };
        let mut of_sources: HashMap<IpAddr, usize> = HashMap::new();
        for (_, (connection, _)) in self.open.iter().enumerate().filter(unproved) {
            *of_sources.entry(source_of(connection.address)).or_default() += 1;
        }
        let candidates = self.open.iter().enumerate().filter(unproved);
        // `max_by_key` returns the last of equal elements; reversing the order makes that the oldest.
        let chosen = candidates.rev().max_by_key(|(_, (other, _))| of_sources[&source_of(other.address)]);
        let Some((index, _)) = chosen else { return false };
        self.open.remove(index).1.abort();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    #[derive(Default)]
    struct Fixture {
        connections: Connections,
        tasks: JoinSet<()>,
    }

    impl Fixture {
        /// Opens a connection that sends nothing, if it is admitted.
        fn connect(&mut self, address: &str) -> Option<Connection> {
            let address = address.parse().unwrap();
            let connection = self.connections.make_room(address).then(|| Connection::new(address))?;
            self.connections.add(connection.clone(), self.tasks.spawn(pending()));
            Some(connection)
        }

        fn is_open(&self, connection: &Connection) -> bool {
            self.connections.open.iter().any(|(open, _)| Arc::ptr_eq(&open.proved, &connection.proved))
        }

        fn open(&self) -> usize {
            self.connections.open.len()
        }
    }

    #[tokio::test]
    async fn the_oldest_silent_connection_of_the_largest_source_makes_room_for_a_new_one() {
        let mut fixture = Fixture::default();
        let proved = fixture.connect("203.0.113.1").unwrap();
        proved.prove();
        let first = fixture.connect("203.0.113.1").unwrap();
        for host in 2..=255 {
            assert!(fixture.connect(&format!("198.51.100.{host}")).is_some());
        }
        assert_eq!(fixture.open(), 256);
        let operator = fixture.connect("192.0.2.1").unwrap();
        assert_eq!(fixture.open(), 256);
        assert!(fixture.is_open(&proved) && fixture.is_open(&operator) && !fixture.is_open(&first));
        for _ in 0..10 {
            fixture.connect("203.0.113.9").unwrap();
        }
        // The sources with the most connections make room for each other.
        for host in 0..20 {
            assert!(fixture.connect(&format!("203.0.113.{}", host % 9 + 10)).is_some());
        }
        assert_eq!(fixture.open(), 256);
        assert!(fixture.is_open(&proved) && fixture.is_open(&operator));
    }

    #[tokio::test]
    async fn a_source_has_at_most_a_quarter_of_the_connections_even_with_a_token() {
        for (address, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ] {
            let mut fixture = Fixture::default();
            for _ in 0..64 {
                fixture.connect(address).unwrap().prove();
            }
            assert!(fixture.connect(same).is_none(), "{same}");
            assert!(fixture.connect(other).is_some(), "{other}");
        }
    }

    #[tokio::test]
    async fn local_connections_are_admitted_while_remote_ones_are_at_their_limit() {
        let mut fixture = Fixture::default();
        for host in 1..=256 {
            fixture.connect(&format!("2001:db8:0:{host:x}::1")).unwrap().prove();
        }
        assert!(fixture.connect("2001:db8:1::1").is_none());
        for address in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            assert!(fixture.connect(address).is_some(), "{address}");
        }
        for _ in 0..200 {
            assert!(fixture.connect("127.0.0.1").is_some());
        }
        assert_eq!(fixture.open(), 256 + 128);
    }

    #[tokio::test]
    async fn ended_connections_make_room() {
        let mut fixture = Fixture::default();
        for _ in 0..64 {
            let connection = Connection::new("192.0.2.1".parse().unwrap());
            connection.prove();
            fixture.connections.add(connection, fixture.tasks.spawn(async {}));
        }
        while fixture.tasks.join_next().await.is_some() {}
        assert!(fixture.connect("192.0.2.1").is_some());
        assert_eq!(fixture.open(), 1);
    }
}
