//! What an operator's script does through the management API.

use crate::management::api::Api;
use primitives::{AuthenticationKey, InfoHash};

/// The state of the database, as the API reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) state: String,
    pub(super) error: String,
    pub(super) waiting: u64,
    pub(super) lost: u64,
}

impl Api {
    pub(super) fn allow(&self, torrent: InfoHash) -> Result<(), String> {
        self.change(&format!("whitelist/{torrent}"), "")
    }

    /// Allows all of the torrents or, on a refusal, none.
    pub(super) fn allow_all(&self, torrents: &[InfoHash]) -> Result<(), String> {
        let lines: String = torrents.iter().map(|torrent| format!("{torrent}\n")).collect();
        self.change("whitelist", &lines)
    }

    pub(super) fn make_key(&self, key: &AuthenticationKey) -> Result<(), String> {
        self.change("keys", &format!(r#"{{"key": "{}", "seconds_valid": null}}"#, key.reveal()))
    }

    /// Makes a change that may be refused with a reason.
    fn change(&self, path: &str, body: &str) -> Result<(), String> {
        let answer = self.ask("POST", path, body);
        match answer.status {
            200 => Ok(()),
            500 => Err(answer.text()),
            other => panic!("{other}: {}", answer.text()),
        }
    }

    /// The account of a key: bytes uploaded and downloaded.
    pub(super) fn account(&self, key: &AuthenticationKey) -> (u64, u64) {
        let key = self.get(&format!("key/{}", key.reveal()));
        (key["uploaded"].as_u64().unwrap(), key["downloaded"].as_u64().unwrap())
    }

    pub(super) fn storage(&self) -> Storage {
        let storage = self.get("storage");
        Storage {
            state: storage["state"].as_str().unwrap().to_owned(),
            error: storage["error"].as_str().unwrap_or_default().to_owned(),
            waiting: storage["writes_waiting"].as_u64().unwrap(),
            lost: storage["writes_lost"].as_u64().unwrap(),
        }
    }

    pub(super) fn total(&self, name: &str) -> u64 {
        self.get("totals")[name].as_u64().unwrap()
    }
}
