//! The management API over TLS.

use rustix::process::Signal;

use super::api::{Api, request_head};
use super::{TOKEN, launch, text};
use crate::http_client::with_patience;
use crate::http_tls::Identity;
use crate::patience::until;
use crate::tracker::Tracker;
use std::net::TcpStream;

/// The status of an answer to a client that trusts only this certificate; `None` if it gets another one.
fn status(tracker: &Tracker, identity: &Identity) -> Option<u16> {
    let stream = with_patience(TcpStream::connect(Api::of(tracker).address()).unwrap());
    let mut client = identity.over(&rustls::version::TLS13, stream);
    let tls = client.stream();
    tls.conn.complete_io(&mut tls.sock).ok()?;
    client.send(request_head("GET", "stats", TOKEN, 0).as_bytes());
    Some(client.answer().status)
}

#[test]
fn the_api_is_served_over_tls_and_uses_a_new_certificate_after_a_hang_up_signal() {
    let mut identity = Identity::new();
    let launch = launch("public").set("api.certificate_file", &text(&identity.certificate_file()));
    let tracker = launch.set("api.key_file", &text(&identity.key_file())).start();
    assert!(tracker.log().iter().any(|line| line.contains("the management API is at https://")));
    assert_eq!(status(&tracker, &identity), Some(200));
    identity.renew();
    tracker.signal(Signal::HUP);
    until("the new certificate", || status(&tracker, &identity) == Some(200));
}
