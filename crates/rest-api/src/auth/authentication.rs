use super::change::{Change, is_read};
use super::token::{Rights, Token, find};
use super::wrong_tokens::{WrongToken, WrongTokens};
use crate::app::App;
use crate::http::{ApiError, Connection};
use crate::limits::WRONG_TOKEN_PAUSE;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

const TOO_MANY: &str = "too many wrong tokens from this address";

/// Middleware that serves only requests with a valid token, and refuses changes made with a read-only token.
pub(crate) async fn require_token(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = {
        let query = request.uri().query().unwrap_or_default();
        let Some(offered) = offered_token(request.headers(), query) else {
            return ApiError::Failed("unauthorized".to_owned()).into_response();
        };
        find(&app.tokens.borrow(), &offered).cloned()
    };
    let Some(token) = token else { return refuse(&app, &connection).await.into_response() };
    connection.prove();
    request.extensions_mut().insert(token.clone());
    let Some(change) = Change::of(&request, &token) else { return next.run(request).await };
    request.extensions_mut().insert(Arc::clone(&change));
    let response = if token.rights == Rights::Full || is_read(request.method()) {
        next.run(request).await
    } else {
        ApiError::Refused(StatusCode::FORBIDDEN, "this token is read-only".into()).into_response()
    };
    change.set_status(response.status());
    response
}

/// Answers a wrong token. Beyond the limit the response is delayed to slow guessing; valid tokens are never delayed.
async fn refuse(app: &App, connection: &Connection) -> ApiError {
    match count_wrong(&app.wrong_tokens, connection).await {
        WrongToken::Counted => ApiError::Failed("token not valid".to_owned()),
        WrongToken::Limited => ApiError::TooMany(TOO_MANY),
    }
}

/// Counts a wrong token, and waits if it is beyond the limit.
async fn count_wrong(wrong_tokens: &Mutex<WrongTokens>, connection: &Connection) -> WrongToken {
    let count = {
        let mut wrong_tokens = wrong_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        wrong_tokens.count(Instant::now(), connection.address)
    };
    if count == WrongToken::Limited {
        tokio::time::sleep(WRONG_TOKEN_PAUSE).await;
    }
    count
}

/// Serves a request whose `Authorization` header has the only token, and refuses others with status 401 or 429.
pub(crate) async fn require_bearer(
    token: &Token,
    headers: &HeaderMap,
    connection: &Connection,
    wrong_tokens: &Mutex<WrongTokens>,
) -> Result<(), Response> {
    if let Some(offered) = bearer(headers) {
        if find(std::slice::from_ref(token), offered).is_some() {
            connection.prove();
            return Ok(());
        }
        if count_wrong(wrong_tokens, connection).await == WrongToken::Limited {
            return Err(ApiError::TooMany(TOO_MANY).into_response());
        }
    }
    Err((StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response())
}

/// Returns the token of the `Authorization` header, or else that of the query.
fn offered_token<'a>(headers: &'a HeaderMap, query: &'a str) -> Option<Cow<'a, str>> {
    bearer(headers).map(Cow::Borrowed).or_else(|| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token").map(|(_, value)| value)
    })
}

/// Returns the bearer token (RFC 6750, section 2.1). A header with another scheme may be meant for a proxy in between.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
