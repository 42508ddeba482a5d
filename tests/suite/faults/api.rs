//! The management API as an operator's script uses it.

use crate::http_client::HttpClient;
use crate::tracker::Tracker;
use primitives::{AuthenticationKey, InfoHash};
use serde_json::Value;
use std::net::SocketAddr;

pub(super) const TOKEN: &str = "sixteen-or-more-letters";

pub(super) struct Api {
    address: SocketAddr,
}

/// The state of the database, as the API reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) state: String,
    pub(super) error: String,
    pub(super) waiting: u64,
    pub(super) lost: u64,
}

impl Api {
    pub(super) fn of(tracker: &Tracker) -> Self {
        let address_in = |line: &String| {
            let (_, rest) = line.split_once("the management API is at http://")?;
            rest.split('/').next()?.parse().ok()
        };
        let address = tracker.log().iter().find_map(address_in).expect("it has a management API");
        Self { address }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The status and the body of the answer.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut client = HttpClient::new(self.address);
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        client.send(format!("{head}{body}").as_bytes());
        let answer = client.answer();
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(super) fn allow(&self, torrent: InfoHash) -> Result<(), String> {
        match self.ask("POST", &format!("/api/v1/whitelist/{torrent}"), "") {
            (200, _) => Ok(()),
            (500, reason) => Err(reason),
            other => panic!("{other:?}"),
        }
    }

    /// Allows all of the torrents or, on a refusal, none.
    pub(super) fn allow_all(&self, torrents: &[InfoHash]) -> Result<(), String> {
        let lines: String = torrents.iter().map(|torrent| format!("{torrent}\n")).collect();
        match self.ask("POST", "/api/v1/whitelist", &lines) {
            (200, _) => Ok(()),
            (500, reason) => Err(reason),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn make_key(&self, key: &AuthenticationKey) -> Result<(), String> {
        let body = format!(r#"{{"key": "{}", "seconds_valid": null}}"#, key.reveal());
        match self.ask("POST", "/api/v1/keys", &body) {
            (200, _) => Ok(()),
            (500, reason) => Err(reason),
            other => panic!("{other:?}"),
        }
    }

    /// The account of a key: bytes uploaded and downloaded.
    pub(super) fn account(&self, key: &AuthenticationKey) -> (u64, u64) {
        let key = self.get(&format!("/api/v1/key/{}", key.reveal()));
        (key["uploaded"].as_u64().unwrap(), key["downloaded"].as_u64().unwrap())
    }

    pub(super) fn storage(&self) -> Storage {
        let storage = self.get("/api/v1/storage");
        Storage {
            state: storage["state"].as_str().unwrap().to_owned(),
            error: storage["error"].as_str().unwrap_or_default().to_owned(),
            waiting: storage["writes_waiting"].as_u64().unwrap(),
            lost: storage["writes_lost"].as_u64().unwrap(),
        }
    }

    pub(super) fn total(&self, name: &str) -> u64 {
        self.get("/api/v1/totals")[name].as_u64().unwrap()
    }
}
