//! A little of everything that clients do, until it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use primitives::InfoHash;

use super::{Scene, bound_to_us};
use crate::http_client::{HttpClient, percent_encode};
use crate::load_generator::load;
use crate::management::announces::Announce;
use crate::real_clients::process::Process;
use crate::udp_client::{Answer, Client};

const PAUSE: Duration = Duration::from_millis(20);

/// Clients with a key, over UDP and HTTP in both families, and over WebSocket.
pub(super) struct Traffic {
    is_over: Arc<AtomicBool>,
    clients: Option<JoinHandle<()>>,
    _web_sockets: Process,
}

impl Traffic {
    pub(super) fn start(scene: &Scene) -> Self {
        let key = scene.api.new_key(None);
        let (v4, v6) = (scene.tracker.v4(), scene.tracker.v6());
        let http = [scene.tracker.http_v4(), scene.tracker.http_v6()];
        let url = format!("ws://{}/announce/{key}", http[0]);
        let web_sockets = keep_loading(scene, &url, "--rate 50 --wait sleep --connections 8");
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let clients = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                for tracker in [v4, v6] {
                    over_udp(&Client::new(tracker), &key);
                }
                for tracker in http {
                    over_http(&mut HttpClient::new(tracker), &key);
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self { is_over, clients: Some(clients), _web_sockets: web_sockets }
    }
}

/// Runs the load generator until this is dropped.
pub(super) fn keep_loading(scene: &Scene, target: &str, arguments: &str) -> Process {
    let mut command = load(target, &["--seconds", "600"]);
    command.args(arguments.split(' '));
    let log = target.replace(|character: char| !character.is_alphanumeric(), "-");
    Process::start(bound_to_us(&command), &scene.tracker.dumps().join(log))
}

const TORRENT: InfoHash = InfoHash([7; 20]);

fn announce(key: &str) -> Announce {
    Announce::of(TORRENT).with_key(key)
}

fn over_udp(client: &Client, key: &str) {
    assert_eq!(announce(key).over_udp(client), None);
    // Refused: scrapes over UDP have no place for a key.
    client.send(&client.scrape_request(&[TORRENT]));
    assert!(matches!(client.receive(), (0, Answer::Error(_))));
    assert!(Announce::of(TORRENT).over_udp(client).is_some());
}

fn over_http(client: &mut HttpClient, key: &str) {
    assert_eq!(announce(key).over_http(client), None);
    let scrape = client.get(&format!("/scrape/{key}?info_hash={}", percent_encode(&TORRENT.0)));
    assert!(scrape.text().contains("incomplete"), "{}", scrape.text());
    assert!(Announce::of(TORRENT).over_http(client).is_some());
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.clients.take().expect("it is dropped once").join();
        // A client that was not served fails the test, unless the test has failed already.
        assert!(ended.is_ok() || std::thread::panicking(), "a client failed");
    }
}
