//! A tracker on the wildcard address of a host whose addresses change.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use udp_protocol::{ConnectRequest, TransactionId};
use zerocopy::IntoBytes;

use super::network::{Family, Network};
use super::process::Process;
use super::wait::wait_until;

/// A part of [`crate::patience::PATIENCE`], after which the request is repeated.
const REPLY_MAX: Duration = Duration::from_millis(200);

const PORT: u16 = 6969;

const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

/// Whether a connect is answered by the address that it is sent to: a connected socket receives from no other.
fn is_answered(client: &UdpSocket, address: IpAddr) -> bool {
    let request = ConnectRequest::new(TransactionId([1; 4]));
    client.connect((address, PORT)).expect("a route");
    client.send(request.as_bytes()).expect("a request");
    client.recv(&mut [0; 64]).is_ok()
}

#[test]
fn a_reply_leaves_from_the_address_asked_also_when_the_host_gets_a_second_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = Network::new(Family::V4, folder.path());
    let log = folder.path().join("tracker.log");
    let mut command = network.tracker.command(&crate::program::program());
    command.env("RINGTRACK_UDP_LISTEN", format!("0.0.0.0:{PORT}"));
    command.env("RINGTRACK_HTTP_LISTEN", "[]").env("RINGTRACK_HEALTH_CHECK_API_LISTEN", "[]");
    command.env("RINGTRACK_METRICS_LISTEN", "[]");
    let tracker = Process::start(command, &log);
    let client = network.clients[0].udp_socket(Family::V4);
    client.set_read_timeout(Some(REPLY_MAX)).expect("a time");
    let first = network.tracker.address(Family::V4);
    let logged = |text: &str, times: usize| {
        wait_until(text, folder.path(), || tracker.output().matches(text).count() == times);
    };
    let answers = |address: IpAddr| {
        wait_until("an answer", folder.path(), || is_answered(&client, address));
    };

    logged("this host has no second IPv4 address", 1);
    answers(first);
    network.tracker.ip(&format!("address add {SECOND}/24 dev switch\n"));
    logged("this host has several IPv4 addresses", 1);
    answers(SECOND.into());
    answers(first);
    network.tracker.ip(&format!("address del {SECOND}/24 dev switch\n"));
    logged("this host has no second IPv4 address", 2);
    answers(first);
}
