use super::behavior::{Behavior, response};
use super::received::Received;
use super::{State, TICK};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A client that reads nothing for this long is given up.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// One part of a body without end.
static PART: [u8; 1 << 16] = [b'1'; 1 << 16];

pub(super) fn serve(listener: &TcpListener, state: &Arc<State>) {
    let mut connections = Vec::new();
    // The end makes a last connection.
    while let Ok((stream, from)) = listener.accept()
        && !state.has_ended()
    {
        let state = Arc::clone(state);
        connections.push(std::thread::spawn(move || serve_connection(&stream, from, &state)));
    }
    for connection in connections {
        // A panic of the thread has been printed.
        drop(connection.join());
    }
}

fn serve_connection(stream: &TcpStream, from: SocketAddr, state: &State) {
    let is_set = stream.set_read_timeout(Some(TICK)).and_then(|()| stream.set_write_timeout(Some(WRITE_MAX)));
    if is_set.is_err() {
        return;
    }
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader, state) {
        if let Some(received) = Received::from_head(from, &head) {
            state.note(received);
        }
        let behavior = state.behavior();
        // A client that goes away ends the connection with its next request.
        let _gone = match &behavior {
            Behavior::Answers(answer) => send(stream, &answer.http()),
            Behavior::Refuses(entries) => send(stream, &response(format!("d{entries}e").as_bytes())),
            Behavior::Hangs => Ok(()),
            Behavior::SendsForever => send_forever(stream, state),
            Behavior::Sends(bytes) => send(stream, bytes),
            Behavior::Closes => return,
        };
        if matches!(behavior, Behavior::Sends(_) | Behavior::SendsForever) {
            return;
        }
    }
}

fn send(mut stream: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes)
}

fn send_forever(mut stream: &TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_write_timeout(Some(TICK))?;
    send(stream, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nd8:intervali1")?;
    while !state.has_ended() {
        match stream.write(&PART) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The head of the next request. `None` if the client closes the connection, or the upstream tracker has ended.
fn read_head(reader: &mut BufReader<&TcpStream>, state: &State) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match reader.read_until(b'\n', &mut head) {
            Ok(0) => return None,
            Err(error) if error.kind() != ErrorKind::WouldBlock || state.has_ended() => return None,
            _ => {}
        }
    }
    String::from_utf8(head).ok()
}
