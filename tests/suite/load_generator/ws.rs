//! The load over WebSocket, against the real tracker.

use super::{assert_code, number, result, run_at};
use crate::tracker::Launch;

#[test]
fn peers_get_the_offers_of_others_and_the_answers_to_theirs() {
    // Each of the few connections sends more than clients may by default.
    let tracker = Launch::on_loopback().set("websocket.signals_per_second_max", "100000").start();
    let url = format!("ws://{}", tracker.http_v4());
    let arguments = [
        "--verify",
        "--seconds",
        "1",
        "--mix",
        "0/9/1",
        "--connections",
        "40",
        "--seeders-percent",
        "0",
        "--window",
        "8",
        "--timeout-ms",
        "30000",
    ];
    let output = run_at(&url, &arguments);
    assert_code(&output, 0);
    let result = result(&output);
    for kind in ["announce", "scrape", "offer", "answer"] {
        assert!(number(&result, &format!("/kinds/{kind}/answered")) > 0.0, "{kind}: {result:#}");
    }
    let announces = result["kinds"]["announce"]["sent"].as_u64();
    assert_eq!(result["kinds"]["offer"]["sent"].as_u64(), announces.map(|announces| 5 * announces));
    assert_eq!((&result["wrong"], &result["errors"]), (&serde_json::json!({}), &serde_json::json!({})));
    assert_eq!((&result["lost"], &result["unmatched"]), (&serde_json::json!(0), &serde_json::json!(0)));
    assert_eq!(result["connections"]["opened"], 40);
}
