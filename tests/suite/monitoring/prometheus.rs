//! A running Prometheus.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::bound_to_us;
use crate::http_client::{HttpClient, percent_encode};
use crate::patience::wait_for;
use crate::program::in_checkout;
use crate::real_clients::process::Process;
use crate::real_clients::tools::require;

/// A Prometheus with the configuration of this checkout, which scrapes and evaluates each second.
pub(super) struct Prometheus {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one for a tracker with its figures at this address.
    pub(super) fn scraping(tracker: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        configure(folder.path(), tracker);
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let mut command = Command::new(require("prometheus"));
        command.args([
            format!("--config.file={}", path("prometheus.yml")),
            format!("--storage.tsdb.path={}", path("data")),
            "--web.listen-address=127.0.0.1:0".to_owned(),
        ]);
        let mut process = Process::start(bound_to_us(&command), &folder.path().join("log"));
        let address = wait_for(|| match address_in(&process.output()) {
            Some(address) => Ok(address),
            None if process.has_ended() => panic!("it has ended: {}", process.output()),
            None => Err(process.output()),
        });
        Self { address, _process: process, _folder: folder }
    }

    /// The data of its answer to a request for a path below `/api/v1/`, or its error.
    pub(super) fn get(&self, path: &str) -> Result<Value, String> {
        let mut client = HttpClient::new(self.address);
        // Over HTTP/1.0, the end of the connection is that of the body.
        client.send(format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n").as_bytes());
        let status = client.head().status;
        let body = client.rest();
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == 200 {
            Ok(answer["data"].clone())
        } else {
            Err(String::from_utf8_lossy(&body).into_owned())
        }
    }

    /// The samples of an instant query.
    pub(super) fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let data = self.get(&format!("query?query={}", percent_encode(expression.as_bytes())))?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }
}

/// Writes the configuration and the rules into a folder.
fn configure(folder: &Path, tracker: &str) {
    let text = |name: &str| std::fs::read_to_string(in_checkout("config/prometheus").join(name)).unwrap();
    let mut configuration = text("prometheus.yml");
    for (usual, here) in [
        ("scrape_interval: 5s", "scrape_interval: 1s"),
        ("evaluation_interval: 15s", "evaluation_interval: 1s"),
        ("127.0.0.1:1414", tracker),
    ] {
        assert!(configuration.contains(usual), "{usual} is not in {configuration}");
        configuration = configuration.replace(usual, here);
    }
    std::fs::write(folder.join("prometheus.yml"), configuration).unwrap();
    std::fs::write(folder.join("rules.yml"), text("rules.yml")).unwrap();
}

/// The address in the line of the log that says where it listens.
fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once(r#"msg="Listening on" address="#)?;
    rest.lines().next()?.trim().parse().ok()
}
