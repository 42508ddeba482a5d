use crate::harness::start;
use std::path::Path;
use utoipa::openapi::OpenApi;

/// With `REGENERATE` set, the committed document is rewritten first.
#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let served = start().get("/api/v1/openapi.json").await;
    assert_eq!(served.content_type, "application/json");
    let served: OpenApi = serde_json::from_str(&served.body).unwrap();
    let document = format!("{}\n", serde_json::to_string_pretty(&served).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(&file, &document).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).is_ok_and(|committed| committed == document),
        "docs/openapi.json does not match the routes; regenerate it with:\n\
         REGENERATE=1 cargo test -p rest-api --test api the_served_document"
    );
}
