use super::keys::{DELETE_FAILED, account_of, key_of, wanted_key};
use crate::app::App;
use crate::auth::Change;
use crate::http::{ApiError, Batches, Lines, PathValue, Query, with_type};
use crate::limits::{BULK_KEYS_MAX, STREAM_PAGE};
use api_contract::v1::{LineError, RemovedKeys};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use control::management::{KeyInfo, Management, WantedKey};
use futures_util::stream;
use primitives::AuthenticationKey;
use serde::Serialize;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const NDJSON: &str = "application/x-ndjson";

/// A line number with the requested key, `None` if the line is invalid. Small, because a request may have a million.
type Wanted = (u32, Option<WantedKey>);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_keys, delete_keys)).routes(routes!(post_keys))
}

/// All keys with their accounts, or a page of them, one object per line
///
/// They are in the order of the keys.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "keys",
    params(
        ("after" = Option<String>, Query, description = "The last key of the page before; default: the first page",
            pattern = "^[0-9A-Za-z]{32}$"),
        ("limit" = Option<u64>, Query, description = "Default: all"),
    ),
    responses(
        (status = 200, description = "The keys", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "A parameter is wrong", body = String, content_type = "text/plain"),
    ),
)]
async fn get_keys(State(app): State<App>, query: Query) -> Result<Response, ApiError> {
    let after = query.text("after").map(<AuthenticationKey as PathValue>::parse).transpose()?;
    let limit =
        query.number("limit")?.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let tracker = Arc::clone(&app.tracker);
    let pages = stream::unfold((after, limit), move |(after, left)| {
        let keys = tracker.keys().page(after, left.min(STREAM_PAGE));
        let text: String = keys.iter().map(|info| line_of(&account_of(info))).collect();
        let place = |last: &KeyInfo| (Ok::<_, Infallible>(text), (Some(last.key), left - keys.len()));
        ready(keys.last().map(place))
    });
    Ok(with_type(NDJSON, Body::from_stream(pages)))
}

fn line_of(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("names and numbers serialize to JSON");
    line.push('\n');
    line
}

/// Make the keys of a body, one object `{"key", "seconds_valid"}` per line
///
/// The response has a line for each: the key object, or `{"line", "error"}`. If a body has more than a million lines, no
/// keys are made.
#[utoipa::path(
    post, path = "/api/v1/keys/bulk", tag = "keys",
    request_body(content((Option<String> = "application/x-ndjson"), (Option<String> = "text/plain"))),
    responses((status = 200, description = "A line for each", body = String, content_type = "application/x-ndjson")),
)]
async fn post_keys(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    body: Body,
) -> Result<Response, ApiError> {
    let turn = Arc::clone(&app.bulk_requests).acquire_owned().await;
    let wanted = wanted_keys(body).await?;
    let all = wanted.len();
    let tracker = Arc::clone(&app.tracker);
    // Keys are made as the client reads the response, which starts after the whole body has arrived: a client that
    // reads nothing before it has sent everything must not block.
    let state = (wanted.into_iter(), 0, turn);
    let answer = stream::unfold(state, move |(mut rest, made_before, turn)| {
        let (tracker, change) = (Arc::clone(&tracker), Arc::clone(&change));
        async move {
            let page: Vec<Wanted> = rest.by_ref().take(STREAM_PAGE).collect();
            if page.is_empty() {
                return None;
            }
            // The keys of this page are made even if the client disconnects meanwhile.
            change.set_subject(format_args!("{made_before} of {all} keys, {} more begun", page.len()));
            let (text, made) = make_keys(&*tracker, page).await;
            change.set_subject(format_args!("{} of {all} keys", made_before + made));
            Some((Ok::<_, Infallible>(text), (rest, made_before + made, turn)))
        }
    });
    Ok(with_type(NDJSON, Body::from_stream(answer)))
}

async fn wanted_keys(body: Body) -> Result<Vec<Wanted>, ApiError> {
    let (mut lines, mut wanted) = (Lines::new(body), Vec::new());
    while let Some(line) = lines.next().await? {
        if wanted.len() == BULK_KEYS_MAX {
            let text = format!("a body may want {BULK_KEYS_MAX} keys at most");
            return Err(ApiError::Text(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        let form = line.text.and_then(|text| serde_json::from_slice(&text).ok());
        let number = u32::try_from(line.number).unwrap_or(u32::MAX);
        wanted.push((number, form.and_then(|form| wanted_key(&form).ok())));
    }
    Ok(wanted)
}

/// Makes a page of keys. Returns a line for each, in order, and the number of keys made.
async fn make_keys(tracker: &dyn Management, page: Vec<Wanted>) -> (String, usize) {
    let good = page.iter().filter_map(|(_, wanted)| *wanted).collect();
    let (mut outcomes, failure) = match tracker.keys().put_keys(good).await {
        Ok(outcomes) => (outcomes, "the key was not made".to_owned()),
        Err(error) => (Vec::new(), error.to_string()),
    };
    let (mut outcomes, mut text, mut made_count) = (outcomes.drain(..), String::new(), 0);
    for (line, wanted) in page {
        let outcome = match wanted.map(|_| outcomes.next()) {
            None => Err("no object of a key and seconds that can be".to_owned()),
            Some(None) => Err(failure.clone()),
            Some(Some(outcome)) => outcome.map_err(|error| error.to_string()),
        };
        text.push_str(&match outcome {
            Ok(made) => {
                made_count += 1;
                line_of(&key_of(&made))
            }
            Err(error) => line_of(&LineError { line: u64::from(line), error }),
        });
    }
    (text, made_count)
}

/// Remove the keys of a body, one key per line
#[utoipa::path(
    delete, path = "/api/v1/keys", tag = "keys",
    request_body(content = Option<String>, content_type = "text/plain"),
    responses((status = 200, description = "What became of the lines", body = RemovedKeys)),
)]
async fn delete_keys(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    body: Body,
) -> Result<Json<RemovedKeys>, ApiError> {
    let _turn = app.bulk_requests.acquire().await;
    let mut batches = Batches::new(body, STREAM_PAGE, AuthenticationKey::parse);
    let (mut removed, mut unknown) = (0, 0);
    loop {
        let keys = batches.next().await?;
        let asked = keys.len();
        let known = app.tracker.keys().remove_keys(keys).await.map_err(ApiError::failed(DELETE_FAILED))?;
        (removed, unknown) = (removed + known as u64, unknown + (asked - known) as u64);
        change.set_subject(format_args!("{removed} keys"));
        if asked < STREAM_PAGE {
            return Ok(Json(RemovedKeys { removed, unknown, lines: batches.invalid }));
        }
    }
}
