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

/// A connection, as its requests know it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    address: IpAddr,
    /// Until when a request with a token has to come.
    deadline: Instant,
    /// Whether one has come.
    proved: Arc<watch::Sender<bool>>,
}

/// The connections that are open to a listener, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Vec<(Connection, AbortHandle)>,
}

/// Who has one IPv6 address has at least a network of 64 bits.
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

    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Notes that a request with a right token has come.
    pub(crate) fn prove(&self) {
        self.proved.send_replace(true);
    }

    fn is_proved(&self) -> bool {
        *self.proved.borrow()
    }

    /// Waits until no request with a token has come in time; for ever where one comes.
    pub(crate) async fn overdue(&self) {
        let mut proved = self.proved.subscribe();
        if timeout_at(self.deadline, proved.wait_for(|is_proved| *is_proved)).await.is_ok() {
            pending::<()>().await;
        }
    }
}

impl Connections {
    /// Makes room for a connection: where there is none, the oldest without a token is closed, of the source that has the
    /// most of them. Says whether there is room.
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

    /// Remembers a connection, which there has to be room for, with the task that serves it.
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
        // Of those that are equal the last one is the maximum, and the oldest one has to be.
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

    /// A listener without clients.
    #[derive(Default)]
    struct Fixture {
        connections: Connections,
        tasks: JoinSet<()>,
    }

    impl Fixture {
        /// A connection that sends nothing, if it is let in.
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
    async fn silent_strangers_are_closed_to_let_others_in_the_oldest_of_the_largest_source_first() {
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
        // Now they have more than anybody else, and make room for each other.
        for host in 0..20 {
            assert!(fixture.connect(&format!("203.0.113.{}", host % 9 + 10)).is_some());
        }
        assert_eq!(fixture.open(), 256);
        assert!(fixture.is_open(&proved) && fixture.is_open(&operator));
    }

    #[tokio::test]
    async fn a_source_has_a_quarter_of_the_connections_at_most_with_a_token_too() {
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
    async fn operators_of_this_machine_get_in_whatever_strangers_do() {
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
    async fn connections_that_have_ended_make_room() {
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
