//! Prometheus' own checks.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Scene;
use super::traffic::Traffic;
use crate::http_client::HttpClient;
use crate::program::in_checkout;
use crate::real_clients::tools::require;

#[track_caller]
fn promtool(arguments: &[&str], input: Stdio) {
    let mut command = Command::new(require("promtool"));
    let output = command.args(arguments).current_dir(in_checkout(".")).stdin(input).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_accepts_its_configuration_and_each_alert_fires_when_it_should() {
    promtool(&["check", "config", "config/prometheus/prometheus.yml"], Stdio::null());
    promtool(&["test", "rules", "tests/suite/monitoring/rules_test.yml"], Stdio::null());
}

#[test]
fn prometheus_finds_no_fault_in_the_figures() {
    let scene = Scene::start();
    let _traffic = Traffic::start(&scene);
    let answer = HttpClient::new(scene.metrics().parse().unwrap()).get("/metrics");
    // It finds no fault in an empty text.
    assert!(answer.status == 200 && answer.text().contains("ringtrack_requests_total{"), "{}", answer.text());
    let file = scene.tracker.dumps().join("metrics");
    std::fs::write(&file, &answer.body).unwrap();
    promtool(&["check", "metrics"], open(&file));
}

fn open(file: &Path) -> Stdio {
    File::open(file).unwrap().into()
}
