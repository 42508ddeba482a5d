//! The upstream trackers.

use crate::harness::{Answer, Api, start};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/forwarders";

async fn add(api: &Api, form: Value) -> Answer {
    api.post_json(PATH, &form.to_string()).await
}

async fn states(api: &Api) -> Vec<(String, String)> {
    let upstreams = api.get(PATH).await.json();
    let text = |upstream: &Value, field: &str| upstream[field].as_str().unwrap().to_owned();
    let state = |upstream| (text(upstream, "name"), text(upstream, "state"));
    upstreams.as_array().unwrap().iter().map(state).collect()
}

#[tokio::test]
async fn an_upstream_tracker_is_added_once_and_suspended_resumed_and_removed_by_its_name() {
    let api = start();
    let uri = "udp://a.example.org:1337";
    assert_eq!(add(&api, json!({ "uri": uri })).await, Answer::ack());
    assert_eq!(
        add(&api, json!({ "uri": "http://b.example.org/announce", "name": "b c" })).await,
        Answer::ack()
    );
    for (form, what) in [
        (json!({ "uri": uri, "name": "other" }), "URI"),
        (json!({ "uri": "udp://c.example.org:1337", "name": "b c" }), "name"),
    ] {
        let reason = format!("there is an upstream tracker with this {what}");
        assert_eq!(add(&api, form).await, Answer::refused(409, &reason));
    }
    let state_of_b =
        |state: &str| vec![(uri.to_owned(), "active".to_owned()), ("b c".to_owned(), state.to_owned())];
    for (method, path, state) in [
        ("POST", "/suspend?name=b+c", "suspended"),
        ("POST", "/resume?name=b%20c", "active"),
        ("POST", "/suspend?name=b%20c", "suspended"),
    ] {
        assert_eq!(api.ask(method, &format!("{PATH}{path}")).await, Answer::ack());
        assert_eq!(states(&api).await, state_of_b(state), "{path}");
    }
    let path = format!("{PATH}?name={uri}");
    assert_eq!(api.ask("DELETE", &path).await, Answer::ack());
    assert_eq!(states(&api).await, [("b c".to_owned(), "suspended".to_owned())]);
    for (method, path) in [("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume")] {
        let unknown = Answer::refused(404, "upstream tracker not known");
        assert_eq!(api.ask(method, &format!("{PATH}{path}?name={uri}")).await, unknown, "{path}");
        assert_eq!(api.ask(method, &format!("{PATH}{path}")).await.status, 400, "{path}");
    }
    for (wrong, status) in [(json!({}), 422), (json!({ "uri": 7 }), 422), (json!({ "uri": "" }), 400)] {
        assert_eq!(add(&api, wrong).await.status, status);
    }
}

#[tokio::test]
async fn the_figures_of_an_upstream_tracker_are_reported_by_both_routes() {
    let api = start();
    add(&api, json!({ "uri": "udp://a.example.org:1337", "name": "a" })).await;
    let expected = json!([{
        "name": "a", "origin": "udp://a.example.org:1337", "ip": "192.0.2.1", "state": "active", "retry_in_s": null,
        "torrents": 1, "waiting": 2, "in_flight": 3, "latency_ms": 12.5, "interval_s": 1800,
        "last_failure": "no answer in time",
        "announces": {
            "answered": 4, "timeout": 5, "name": 0, "connection": 0, "status": 0, "malformed": 0, "refused": 6,
            "overloaded": 0,
        },
        "shed": 7, "peers": 8, "peers_dropped": 9,
    }]);
    assert_eq!(api.get(PATH).await.json(), expected);
    let text = api.get("/api/v1/metrics?format=prometheus").await.body;
    for line in [
        "# TYPE ringtrack_forwarding_announces_total counter",
        "ringtrack_forwarding_announces_total{upstream=\"a\",outcome=\"answered\"} 4",
        "ringtrack_forwarding_announces_total{upstream=\"a\",outcome=\"timeout\"} 5",
        "ringtrack_forwarding_shed_total{upstream=\"a\"} 7",
        "ringtrack_forwarding_peers_total{upstream=\"a\"} 8",
        "ringtrack_forwarding_peers_dropped_total{upstream=\"a\"} 9",
        "# TYPE ringtrack_forwarding_up gauge",
        "ringtrack_forwarding_up{upstream=\"a\"} 1",
        "ringtrack_forwarding_torrents{upstream=\"a\"} 1",
        "ringtrack_forwarding_waiting{upstream=\"a\"} 2",
        "ringtrack_forwarding_in_flight{upstream=\"a\"} 3",
        "ringtrack_forwarding_latency_seconds{upstream=\"a\"} 0.0125",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert_eq!(api.ask("POST", &format!("{PATH}/suspend?name=a")).await.status, 200);
    let text = api.get("/api/v1/metrics?format=prometheus").await.body;
    assert!(!text.contains("ringtrack_forwarding_up{"), "a suspended one is not down\n{text}");
    assert!(text.contains("ringtrack_forwarding_waiting{"), "{text}");
}

#[tokio::test]
async fn no_answer_shows_more_of_a_uri_than_its_origin() {
    let api = start();
    let uri = "https://a.example.org/hunter2/announce?passkey=hunter2";
    let forms = [json!({ "uri": uri }), json!({ "uri": uri }), json!({ "uri": "hunter2" })];
    let mut answers = Vec::new();
    for form in forms {
        answers.push(add(&api, form).await);
    }
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 409, 400]);
    for path in [PATH, "/api/v1/metrics", "/api/v1/metrics?format=prometheus"] {
        let answer = api.get(path).await;
        assert!(answer.body.contains("https://a.example.org"), "{}", answer.body);
        answers.push(answer);
    }
    answers.push(api.ask("DELETE", &format!("{PATH}?name=https://a.example.org/hunter2/announce")).await);
    for answer in answers {
        assert!(!answer.body.contains("hunter2"), "{}", answer.body);
    }
}
