use super::change::{Change, is_read};
use super::token::{Rights, Token, find};
use super::wrong_tokens::{WrongToken, WrongTokens};
use crate::app::App;
use crate::http::{ApiError, Connection};
use crate::limits::{REFUSAL_PAUSE, WRONG_TOKEN_COST};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control::management::ApiGuard;
use guard::{Class, Source};
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
    let token = token_of(&app.tokens.borrow(), &request);
    let Some(token) = token else {
        let refusal = match offered_token(&request).is_some() {
            true => refuse(&app, &connection).await,
            false => ApiError::Failed("unauthorized".to_owned()),
        };
        return refusal.into_response();
    };
    connection.prove();
    request.extensions_mut().insert(token.clone());
    let Some(change) = Change::of(&request, &token) else { return next.run(request).await };
    request.extensions_mut().insert(Arc::clone(&change));
    let response = if token.rights == Rights::Full || is_read(request.method()) {
        change_unless_handing_over(&app, request, next).await
    } else {
        ApiError::Refused(StatusCode::FORBIDDEN, "this token is read-only".into()).into_response()
    };
    change.set_status(response.status());
    response
}

/// Serves a change. While another process takes over it is refused, because that process would not learn of it.
async fn change_unless_handing_over(app: &App, request: Request, next: Next) -> Response {
    match app.tracker.begin_change() {
        Some(_permit) => next.run(request).await,
        None => ApiError::HandingOver.into_response(),
    }
}

/// Returns the valid token of a request, if it has one.
pub(crate) fn token_of(tokens: &[Token], request: &Request) -> Option<Token> {
    find(tokens, &offered_token(request)?).cloned()
}

/// Answers a wrong token. Beyond the limit the response is delayed to slow guessing; valid tokens are never delayed.
async fn refuse(app: &App, connection: &Connection) -> ApiError {
    match count_wrong(app.tracker.api_guard(), &app.wrong_tokens, connection).await {
        WrongToken::Counted => ApiError::Failed("token not valid".to_owned()),
        WrongToken::Limited => ApiError::too_many(TOO_MANY),
    }
}

/// Counts a wrong token, and waits if it is beyond the limit.
async fn count_wrong(
    guard: &ApiGuard,
    wrong_tokens: &Mutex<WrongTokens>,
    connection: &Connection,
) -> WrongToken {
    guard.charge(Class::Requests, Source::of(connection.address), WRONG_TOKEN_COST);
    let count = {
        let mut wrong_tokens = wrong_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        wrong_tokens.count(Instant::now(), connection.address)
    };
    if count == WrongToken::Limited {
        tokio::time::sleep(REFUSAL_PAUSE).await;
    }
    count
}

/// Serves a request whose `Authorization` header has the only token, and refuses others with status 401 or 429.
pub(crate) async fn require_bearer(
    token: &Token,
    headers: &HeaderMap,
    connection: &Connection,
    (guard, wrong_tokens): (&ApiGuard, &Mutex<WrongTokens>),
) -> Result<(), Response> {
    if has_bearer(token, headers) {
        connection.prove();
        return Ok(());
    }
    if bearer(headers).is_some() && count_wrong(guard, wrong_tokens, connection).await == WrongToken::Limited
    {
        return Err(ApiError::too_many(TOO_MANY).into_response());
    }
    Err((StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response())
}

/// Returns whether the `Authorization` header has the token.
pub(crate) fn has_bearer(token: &Token, headers: &HeaderMap) -> bool {
    bearer(headers).is_some_and(|offered| find(std::slice::from_ref(token), offered).is_some())
}

/// Returns the token of the `Authorization` header, or else that of the query.
fn offered_token(request: &Request) -> Option<Cow<'_, str>> {
    let query = request.uri().query().unwrap_or_default();
    bearer(request.headers()).map(Cow::Borrowed).or_else(|| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token").map(|(_, value)| value)
    })
}

/// Returns the bearer token (RFC 6750, section 2.1). A header with another scheme may be meant for a proxy in between.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
