use super::State;
use super::behavior::Behavior;
use super::received::Received;
use std::collections::HashSet;
use std::net::UdpSocket;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const ERROR: u32 = 3;

/// More than any datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// The largest datagram over IPv4 and IPv6.
const LARGEST_BYTES: usize = 65_507;

/// The connection id of all clients.
const CONNECTION_ID: [u8; 8] = *b"upstream";

pub(super) fn serve(socket: &UdpSocket, state: &State) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut noted = HashSet::new();
    while !state.has_ended() {
        // An error is a timeout, or the report that an answer could not be delivered.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let request = &buffer[..length];
        let Some(&transaction) = request.get(12..).and_then(<[u8]>::first_chunk::<4>) else { continue };
        let behavior = state.behavior();
        let is_v4 = from.is_ipv4();
        let response = match request.get(8..12).map(|action| u32::from(action[3])) {
            Some(CONNECT) => connected(&behavior),
            Some(ANNOUNCE) if request.starts_with(&CONNECTION_ID) => Received::from_datagram(from, request)
                .and_then(|received| {
                    // A client whose answer is late repeats its announce with the same transaction id.
                    if noted.insert((from, transaction)) {
                        state.note(received);
                    }
                    announced(&behavior, is_v4)
                }),
            _ => None,
        };
        if let Some(response) = response {
            let datagram = [&response[..4], &transaction, &response[4..]].concat();
            // The client may be gone.
            drop(socket.send_to(&datagram, from));
        }
    }
}

/// The answer to a connect, without its transaction id.
fn connected(behavior: &Behavior) -> Option<Vec<u8>> {
    let answers = !matches!(behavior, Behavior::Hangs | Behavior::Closes);
    answers.then(|| [&CONNECT.to_be_bytes()[..], &CONNECTION_ID].concat())
}

/// The answer to an announce, without its transaction id.
fn announced(behavior: &Behavior, is_v4: bool) -> Option<Vec<u8>> {
    match behavior {
        Behavior::Answers(answer) => Some([&ANNOUNCE.to_be_bytes()[..], &answer.udp(is_v4)].concat()),
        Behavior::Refuses(reason) => Some([&ERROR.to_be_bytes()[..], reason.as_bytes()].concat()),
        Behavior::Sends(bytes) => Some(bytes.clone()),
        Behavior::SendsForever => {
            Some([&ANNOUNCE.to_be_bytes()[..], &vec![0xff; LARGEST_BYTES - 8]].concat())
        }
        Behavior::Hangs | Behavior::Closes => None,
    }
}
