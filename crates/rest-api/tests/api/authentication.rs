use crate::fake::{Fake, Limits};
use crate::harness::{
    Answer, NOT_VALID, READ_ONLY_TOKEN, TOKEN, UNAUTHORIZED, exchange, request, send, start, start_with,
    without_body,
};
use guard::Class;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use rest_api::{Rights, Token, Transport};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn ask(address: SocketAddr, query: &str, header: Option<&str>) -> Answer {
    let mut wanted = request("GET", &format!("/api/v1/keys/reload{query}"));
    if let Some(header) = header {
        wanted = wanted.header("authorization", header);
    }
    send(address, without_body(wanted)).await
}

#[tokio::test]
async fn a_valid_token_is_accepted_and_the_header_takes_precedence() {
    let api = start();
    for (query, header) in [
        ("", Some("Bearer MyAccessToken")),
        ("?token=MyAccessToken", None),
        ("?a=b&token=My%41ccessToken", None),
        ("?token=wrong", Some("bearer  MyAccessToken")),
        ("?token=MyAccessToken", Some("Basic eDp5")),
    ] {
        assert_eq!(ask(api.address, query, header).await, Answer::ack(), "{query} {header:?}");
    }
    let wrong = ask(api.address, "?token=MyAccessToken", Some("Bearer wrong")).await;
    assert_eq!(wrong, Answer::text(500, NOT_VALID));
}

#[tokio::test]
async fn without_a_token_everything_but_the_health_check_is_refused() {
    let api = start();
    assert_eq!(ask(api.address, "", None).await, Answer::text(500, UNAUTHORIZED));
    assert_eq!(ask(api.address, "?token=", None).await, Answer::text(500, NOT_VALID));
    let document = api.get("/api/v1/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let wanted = request(&method.to_uppercase(), &path.replace(['{', '}'], ""));
            let answer = send(api.address, without_body(wanted)).await;
            if path == "/api/health_check" {
                assert_eq!(answer, Answer::ok("{\"status\":\"Ok\"}"));
            } else {
                assert_eq!(answer, Answer::text(500, UNAUTHORIZED), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn after_ten_wrong_tokens_an_address_is_limited_but_a_valid_token_is_accepted() {
    let api = start();
    for _ in 0..10 {
        assert_eq!(ask(api.address, "?token=wrong", None).await, Answer::text(500, NOT_VALID));
    }
    assert_eq!(ask(api.address, "?token=wrong", None).await.status, 429);
    assert_eq!(ask(api.address, "", Some("Bearer wrong")).await.status, 429);
    assert_eq!(ask(api.address, "", None).await, Answer::text(500, UNAUTHORIZED));
    assert_eq!(ask(api.address, "?token=MyAccessToken", None).await.status, 200);
}

#[tokio::test]
async fn a_source_over_its_limit_gets_429_unless_it_has_a_valid_token_and_wrong_ones_cost_more() {
    let mut fake = Fake::default();
    fake.limits = Limits::of(Class::Requests, 120);
    let api = start_with(fake, Transport::Plain);
    let health = async || {
        let stream = TcpStream::connect(api.address).await.unwrap();
        exchange(stream, without_body(request("GET", "/api/health_check"))).await
    };
    for _ in 0..10 {
        assert_eq!(health().await.status(), 200);
    }
    assert_eq!(ask(api.address, "?token=wrong", None).await, Answer::text(500, NOT_VALID));
    let mut refused = None;
    for _ in 0..60 {
        refused = Some(health().await).filter(|answer| answer.status() != 200);
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("fewer requests than the limit, without the one with the wrong token");
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(ask(api.address, "?token=MyAccessToken", None).await, Answer::ack());
}

#[tokio::test]
async fn while_another_process_takes_over_changes_have_to_wait_and_reads_do_not() {
    let api = start();
    api.fake.is_handing_over.store(true, Ordering::Relaxed);
    for (method, path) in
        [("POST", "whitelist/0123456789012345678901234567890123456789"), ("GET", "keys/reload")]
    {
        let wanted = request(method, &format!("/api/v1/{path}?token={TOKEN}"));
        let refused = exchange(TcpStream::connect(api.address).await.unwrap(), without_body(wanted)).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "5");
    }
    assert_eq!(api.get("/api/v1/stats").await.status, 200);
    api.fake.is_handing_over.store(false, Ordering::Relaxed);
    assert_eq!(ask(api.address, &format!("?token={TOKEN}"), None).await, Answer::ack());
}

#[tokio::test]
async fn a_source_that_opens_too_many_connections_is_closed_at_once() {
    let mut fake = Fake::default();
    fake.limits = Limits::of(Class::Connections, 5);
    let api = start_with(fake, Transport::Plain);
    let mut served = 0;
    for _ in 0..60 {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        // The connection may be closed before the request is sent.
        let _sent = stream.write_all(b"GET /api/health_check HTTP/1.1\r\nHost: x\r\n\r\n").await;
        if stream.read(&mut [0; 1]).await.is_ok_and(|bytes| bytes > 0) {
            served += 1;
        }
    }
    assert!((5..60).contains(&served), "{served}");
}

#[tokio::test]
async fn a_read_only_token_reads_everything_and_changes_nothing() {
    let api = start();
    let document = api.get("/api/v1/openapi.json").await.json();
    let refused = Answer::refused(403, "this token is read-only");
    let mut refusals = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        // The event stream never ends.
        for method in item.as_object().unwrap().keys().filter(|_| !path.ends_with("/events")) {
            let wanted = request(&method.to_uppercase(), &path.replace(['{', '}'], ""))
                .header("authorization", format!("Bearer {READ_ONLY_TOKEN}"));
            let answer = send(api.address, without_body(wanted)).await;
            if method == "get" {
                assert!(matches!(answer.status, 200 | 400), "{path}: {answer:?}");
            } else {
                assert_eq!(answer, refused, "{method} {path}");
                refusals += 1;
            }
        }
    }
    assert_eq!(refusals, 23);
}

#[tokio::test]
async fn replaced_tokens_take_effect_at_once_and_end_open_streams() {
    let api = start();
    let wanted = without_body(request("GET", &format!("/api/v1/events?token={TOKEN}")));
    let response = exchange(TcpStream::connect(api.address).await.unwrap(), wanted).await;
    let mut events = response.into_body();
    assert!(events.frame().await.unwrap().is_ok());
    let other = Token::new("admin", "MyNextToken", Rights::Full).unwrap();
    api.tokens.send_replace([other].into());
    assert_eq!(ask(api.address, "?token=MyNextToken", None).await.status, 200);
    assert_eq!(ask(api.address, "?token=MyAccessToken", None).await, Answer::text(500, NOT_VALID));
    while let Some(frame) = events.frame().await {
        assert!(frame.is_ok());
    }
}
