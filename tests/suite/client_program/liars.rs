//! Ports where no good tracker is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Everywhere, dead_udp_port, faults, run_json};

/// What a check of a bad address finds: the errors, each with its check and its text.
#[track_caller]
fn errors_of(timeout_s: &str, arguments: &[&str]) -> Vec<(String, String)> {
    let (code, objects) = run_json(&[&["check", "--timeout", timeout_s], arguments].concat());
    assert_eq!(code, Some(1), "{objects:?}");
    let errors = faults(&objects).into_iter().filter(|[level, ..]| *level == "error");
    errors.map(|[_, check, text]| (check.to_owned(), text.to_owned())).collect()
}

/// Asserts that the only error of a check has this text.
#[track_caller]
fn assert_error(arguments: &[&str], check: &str, part: &str) {
    let errors = errors_of("1", arguments);
    assert!(matches!(&errors[..], [(name, text)] if name == check && text.contains(part)), "{errors:?}");
}

#[test]
fn a_dead_port_and_an_unknown_name_are_errors() {
    let udp = dead_udp_port("127.0.0.1:0".parse().unwrap()).unwrap();
    assert_error(&[&format!("udp://{}", udp.local_addr().unwrap())], "announce", "refused");
    // The port of a connection accepts no other.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_error(&[&format!("http://{}/announce", tcp.local_addr().unwrap())], "announce", "refused");
    assert_error(&["udp://no-such-host.invalid:1"], "name", "cannot be resolved");
}

#[test]
fn a_certificate_that_is_not_trusted_is_an_error() {
    let everywhere = Everywhere::start();
    let [.., url] = everywhere.urls();
    assert_error(&[&url], "announce", "certificate");
    let [_, _, plain, ..] = everywhere.urls();
    assert_error(&[&plain.replace("http:", "https:")], "announce", "");
}

/// Serves each connection of a port by `serve`, until the test ends.
fn liar(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads a request. An answer that precedes it would be an error of its own.
fn read_request(stream: &mut TcpStream) {
    drop(stream.read(&mut [0; 4096]));
}

#[test]
fn a_slow_liar_cannot_keep_a_check_for_long() {
    let drip = |mut stream: TcpStream| {
        read_request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nd5:peers"
            .iter()
            .chain(std::iter::repeat(&b'9'));
        for byte in head {
            std::thread::sleep(Duration::from_millis(50));
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
    };
    let silent = |mut stream: TcpStream| drop(stream.read_to_end(&mut Vec::new()));
    let endless = |mut stream: TcpStream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nd5:peers9999999:").ok();
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    };
    let start = Instant::now();
    for (address, timeout_s, text) in [
        (liar(drip), "1", "no answer in time"),
        (liar(silent), "1", "no answer in time"),
        // A busy machine reads so much in a few seconds.
        (liar(endless), "30", "longer than 1 MiB"),
    ] {
        let errors = errors_of(timeout_s, &[&format!("http://{address}/announce")]);
        assert!(errors[0].1.contains(text), "{errors:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
}

#[test]
fn a_port_that_does_not_close_on_tls_is_worth_a_warning() {
    let address = liar(|mut stream| {
        let mut head = [0; 4096];
        let length = stream.read(&mut head).unwrap_or_default();
        if head[..length].starts_with(b"GET ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nd8:intervali1800e5:peers0:e").ok();
        } else {
            stream.read_to_end(&mut Vec::new()).ok();
        }
    });
    let (_, objects) = run_json(&["check", "--timeout", "1", &format!("http://{address}/announce")]);
    let levels: Vec<_> = faults(&objects).into_iter().map(|[level, check, _]| [level, check]).collect();
    // It keeps no peers, and has no scrape.
    assert_eq!(
        levels,
        [["error", "listed"], ["warning", "scrape"], ["warning", "tls_greeting"]],
        "{objects:?}"
    );
}

#[test]
fn a_response_with_another_transaction_id_is_an_error() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((_, client)) = socket.recv_from(&mut datagram) {
            let response = [&[0; 4], &datagram[13..16], &[datagram[12] ^ 1], &[7; 8]].concat();
            socket.send_to(&response, client).ok();
        }
    });
    assert_error(&[&format!("udp://{address}")], "announce", "another transaction id");
    let (_, objects) =
        run_json(&["announce", "--timeout", "1", "--info-hash", super::TORRENT, &format!("udp://{address}")]);
    assert_eq!(
        (&objects[0]["ok"], &objects[0]["error_kind"]),
        (&Value::Bool(false), &Value::from("malformed"))
    );
}
