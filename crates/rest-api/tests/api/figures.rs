//! The listener for Prometheus.

use crate::fake::Fake;
use crate::harness::{request, send, without_body};
use rest_api::{Listener, Rights, Token, Transport, serve_figures};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

const SECRET: &str = "0123456789abcdef";

pub(crate) fn start_figures(token: Option<&str>) -> (SocketAddr, Arc<Fake>, watch::Sender<Option<Token>>) {
    let fake = Arc::new(Fake::default());
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Transport::Plain).unwrap();
    let address = listener.local_address().unwrap();
    let token = watch::Sender::new(token.map(|text| Token::new("metrics", text, Rights::ReadOnly).unwrap()));
    let (management, tokens) = (Arc::clone(&fake), token.subscribe());
    tokio::spawn(async move {
        let (_stop, stopped) = watch::channel(false);
        serve_figures(listener, management, tokens, stopped).await
    });
    (address, fake, token)
}

#[tokio::test]
async fn figures_have_their_shard_and_those_of_the_control_plane_none() {
    let (address, ..) = start_figures(None);
    let answer = send(address, without_body(request("GET", "/metrics"))).await;
    assert_eq!((answer.status, &*answer.content_type), (200, "text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        r#"ringtrack_udp_datagrams_received_total{family="ipv4",shard="0"} 2"#,
        r#"ringtrack_udp_datagrams_received_total{family="ipv4",shard="1"} 0"#,
        r#"ringtrack_udp_batch_datagrams_bucket{shard="1",le="256"} 0"#,
        r#"ringtrack_reply_seconds_bucket{kind="announce",le="1"} 1"#,
        r#"ringtrack_reply_seconds_count{kind="announce"} 3"#,
        "ringtrack_database_up 0",
        "ringtrack_database_changes_waiting 1",
        "ringtrack_database_oldest_change_seconds 1.5",
        "ringtrack_database_writes_failed_total 4",
        "ringtrack_snapshot_time_seconds 1800000000",
        "ringtrack_snapshot_duration_seconds 2.5",
        "ringtrack_snapshot_size_bytes 4000",
        "ringtrack_snapshots_failed_total 5",
        "ringtrack_keys 0",
        r#"ringtrack_bans{kind="stored"} 0"#,
        r#"ringtrack_bans{kind="temporary"} 1"#,
        "ringtrack_sources_banned_total 5",
        &format!("ringtrack_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line}\n{}", answer.body);
    }
    for path in ["/", "/api/v1/metrics", "/health_check"] {
        assert_eq!(send(address, without_body(request("GET", path))).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn only_the_token_opens_the_figures_and_it_can_be_replaced() {
    let (address, _, token) = start_figures(Some(SECRET));
    let status = async |authorization: Option<String>| {
        let mut asked = request("GET", "/metrics");
        if let Some(value) = authorization {
            asked = asked.header("authorization", value);
        }
        send(address, without_body(asked)).await.status
    };
    for (authorization, expected) in [
        (None, 401),
        (Some("Bearer 0123456789abcdeX".to_owned()), 401),
        (Some(format!("Basic {SECRET}")), 401),
        (Some(format!("Bearer {SECRET}")), 200),
    ] {
        assert_eq!(status(authorization.clone()).await, expected, "{authorization:?}");
    }
    let mut guesses = Vec::new();
    for guess in 0..10 {
        guesses.push(status(Some(format!("Bearer {guess}"))).await);
    }
    assert!(guesses.starts_with(&[401]) && guesses.ends_with(&[429]), "{guesses:?}");
    assert_eq!(status(None).await, 401, "this is no guess");
    assert_eq!(status(Some(format!("Bearer {SECRET}"))).await, 200, "the valid token is not limited");
    token.send_replace(Some(Token::new("metrics", "fedcba9876543210", Rights::ReadOnly).unwrap()));
    assert_eq!(status(Some(format!("Bearer {SECRET}"))).await, 429);
    token.send_replace(None);
    assert_eq!(status(None).await, 200);
}

#[tokio::test]
async fn figures_are_collected_at_most_once_a_second() {
    let (address, fake, _token) = start_figures(None);
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        assert_eq!(send(address, without_body(request("GET", "/metrics"))).await.status, 200);
    }
    for asked in [&fake.latencies_asked, &fake.statistics_asked] {
        let asked = asked.load(Ordering::Relaxed);
        assert!((1..=1 + begun.elapsed().as_secs()).contains(&asked), "{asked}");
    }
}
