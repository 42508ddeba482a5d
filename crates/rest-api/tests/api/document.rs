use crate::fake::Fake;
use crate::harness::start;
use std::path::Path;
use std::sync::Arc;

/// With `REGENERATE` set, the committed document is rewritten first.
#[test]
fn the_committed_document_matches_the_routes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let document = rest_api::openapi_document(Arc::new(Fake::default()));
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(&file, &document).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).is_ok_and(|committed| committed == document),
        "docs/openapi.json does not match the routes; regenerate it with:\n\
         REGENERATE=1 cargo test -p rest-api --test api the_committed_document"
    );
}

#[tokio::test]
async fn the_document_is_served() {
    let api = start();
    let document = rest_api::openapi_document(Arc::new(Fake::default()));
    let served = api.get("/api/v1/openapi.json").await;
    assert_eq!(served.json(), serde_json::from_str::<serde_json::Value>(&document).unwrap());
    assert_eq!(served.content_type, "application/json");
}
