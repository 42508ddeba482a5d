use crate::harness::{Answer, NOT_VALID, TOKEN, UNAUTHORIZED, request, send, start};
use http_body_util::Full;
use hyper::body::Bytes;
use std::net::SocketAddr;

async fn ask(address: SocketAddr, query: &str, header: Option<&str>) -> Answer {
    let mut wanted = request("GET", &format!("/api/v1/keys/reload{query}"));
    if let Some(header) = header {
        wanted = wanted.header("authorization", header);
    }
    send(address, wanted.body(Full::new(Bytes::new())).unwrap()).await
}

#[tokio::test]
async fn the_right_token_lets_in_and_the_header_wins() {
    let api = start();
    let right = format!("Bearer {TOKEN}");
    let ack = Answer::ok("{\"status\":\"ok\"}");
    assert_eq!(ask(api.address, "", Some(&right)).await, ack);
    assert_eq!(ask(api.address, "?token=MyAccessToken", None).await, ack);
    assert_eq!(ask(api.address, "?token=wrong", Some(&right)).await, ack);
    assert_eq!(ask(api.address, "?token=MyAccessToken", Some("Basic eDp5")).await, ack);
    let wrong = ask(api.address, "?token=MyAccessToken", Some("Bearer wrong")).await;
    assert_eq!(wrong, Answer::text(500, NOT_VALID));
}

#[tokio::test]
async fn without_a_token_all_but_the_health_check_is_refused() {
    let api = start();
    assert_eq!(ask(api.address, "", None).await, Answer::text(500, UNAUTHORIZED));
    assert_eq!(ask(api.address, "?token=", None).await, Answer::text(500, NOT_VALID));
    let document = api.get("/api/v1/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let wanted = request(&method.to_uppercase(), &path.replace(['{', '}'], ""));
            let answer = send(api.address, wanted.body(Full::new(Bytes::new())).unwrap()).await;
            if path == "/api/health_check" {
                assert_eq!(answer, Answer::ok("{\"status\":\"Ok\"}"));
            } else {
                assert_eq!(answer, Answer::text(500, UNAUTHORIZED), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn after_ten_wrong_tokens_an_address_is_told_to_wait_but_not_with_the_right_one() {
    let api = start();
    for _ in 0..10 {
        assert_eq!(ask(api.address, "?token=wrong", None).await, Answer::text(500, NOT_VALID));
    }
    assert_eq!(ask(api.address, "?token=wrong", None).await.status, 429);
    assert_eq!(ask(api.address, "", Some("Bearer wrong")).await.status, 429);
    assert_eq!(ask(api.address, "", None).await, Answer::text(500, UNAUTHORIZED));
    assert_eq!(ask(api.address, "?token=MyAccessToken", None).await.status, 200);
}
