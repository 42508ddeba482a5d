//! A client of the management API.

use std::net::SocketAddr;

use primitives::InfoHash;
use serde_json::Value;

use super::{TOKEN, address_in};
use crate::http_client::{HttpAnswer, HttpClient};
use crate::tracker::Tracker;

#[derive(Clone, Copy)]
pub(crate) struct Api {
    address: SocketAddr,
}

impl Api {
    pub(crate) fn of(tracker: &Tracker) -> Self {
        Self { address: address_in(tracker, "the management API is at").parse().unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer to a request for a path below `/api/v1/`.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> HttpAnswer {
        let mut client = HttpClient::new(self.address);
        let head = request_head(method, path, TOKEN, body.len());
        client.send(format!("{head}{body}").as_bytes());
        client.answer()
    }

    #[track_caller]
    pub(crate) fn json(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.json("GET", path, "")
    }

    #[track_caller]
    pub(crate) fn put_on(&self, list: &str, torrent: InfoHash) {
        self.json("POST", &format!("{list}/{torrent}"), "");
    }

    #[track_caller]
    pub(super) fn take_off(&self, list: &str, torrent: InfoHash) {
        self.json("DELETE", &format!("{list}/{torrent}"), "");
    }

    /// Makes a key that is valid for this many seconds, or without end.
    #[track_caller]
    pub(crate) fn new_key(&self, seconds: Option<u64>) -> String {
        let form = serde_json::json!({ "key": null, "seconds_valid": seconds });
        let made = self.json("POST", "keys", &form.to_string());
        made["key"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(super) fn remove_key(&self, key: &str) {
        self.json("DELETE", &format!("key/{key}"), "");
    }
}

/// The head of a request whose body has this length.
pub(crate) fn request_head(method: &str, path: &str, token: &str, body_bytes: usize) -> String {
    format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: tracker\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {body_bytes}\r\n\r\n"
    )
}
