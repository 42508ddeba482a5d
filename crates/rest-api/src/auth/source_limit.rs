use crate::http::{ApiError, Connection};
use crate::limits::REFUSAL_PAUSE;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::{Extension, Router};
use control::management::Management;
use guard::{Class, Source};
use std::sync::Arc;

/// Refuses requests of sources that are over their limit. A request for which `is_valid` holds, since it has a valid token, is
/// served, and so are all that follow it on its connection.
pub(crate) fn limit_sources(
    router: Router,
    tracker: Arc<dyn Management>,
    is_valid: impl Fn(&Request) -> bool + Clone + Send + Sync + 'static,
) -> Router {
    let limit = move |Extension(connection): Extension<Connection>, request: Request, next: Next| {
        let is_exempt = connection.is_proved() || is_valid(&request);
        let take = || tracker.api_guard().admit(Class::Requests, Source::of(connection.address));
        let admitted = if is_exempt { Ok(()) } else { take() };
        async move {
            match admitted {
                Ok(()) => next.run(request).await,
                Err(over) => {
                    // The request may have a wrong token.
                    tokio::time::sleep(REFUSAL_PAUSE).await;
                    ApiError::TooMany { text: over.to_string().into(), retry_s: over.retry_s }.into_response()
                }
            }
        }
    };
    router.layer(from_fn(limit))
}
