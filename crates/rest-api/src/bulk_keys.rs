use crate::answer::{ApiError, with_type};
use crate::app::App;
use crate::change::Change;
use crate::keys::{DELETE_FAILED, Key, KeyAccount, KeyForm};
use crate::limits::{BULK_KEYS_MAX, STREAM_PAGE};
use crate::lines::{Line, Lines};
use crate::lists::LineCounts;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use control::{Management, WantedKey};
use futures_util::stream;
use primitives::AuthenticationKey;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const NDJSON: &str = "application/x-ndjson";

/// The result of removing the keys of a body.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedKeys {
    /// Keys that were removed.
    removed: u64,
    /// Keys that did not exist.
    unknown: u64,
    #[serde(flatten)]
    lines: LineCounts,
}

/// The response line for a key that was not made.
#[derive(Debug, Serialize)]
struct LineError {
    line: u64,
    error: String,
}

/// A line number with the requested key, `None` if the line is invalid. Small, because a request may have a million.
type Wanted = (u32, Option<WantedKey>);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_keys, delete_keys)).routes(routes!(post_keys))
}

/// All keys with their accounts, one object per line
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "keys",
    responses((status = 200, description = "The keys", body = String, content_type = "application/x-ndjson")),
)]
async fn get_keys(State(app): State<App>) -> Response {
    let tracker = Arc::clone(&app.tracker);
    let pages = stream::unfold(Some(None), move |after| {
        let page = after.and_then(|after| page_behind(&*tracker, after));
        std::future::ready(page.map(|(text, last)| (Ok::<_, Infallible>(text), Some(Some(last)))))
    });
    with_type(NDJSON, Body::from_stream(pages))
}

fn page_behind(
    tracker: &dyn Management,
    after: Option<AuthenticationKey>,
) -> Option<(String, AuthenticationKey)> {
    let keys = tracker.keys().page(after, STREAM_PAGE);
    let last = keys.last()?.key;
    Some((keys.iter().map(|info| line_of(&KeyAccount::from(info))).collect(), last))
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
    responses(
        (status = 200, description = "A line for each", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "The body was cut off", body = String, content_type = "text/plain"),
        (status = 408, description = "The body stood still", body = String, content_type = "text/plain"),
        (status = 413, description = "The body is too large", body = String, content_type = "text/plain"),
    ),
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
            return Err(ApiError::TooLarge(format!("a body may want {BULK_KEYS_MAX} keys at most")));
        }
        wanted.push(match line {
            Line::Text(number, text) => (line_number(number), wanted_key(&text)),
            Line::TooLong(number) => (line_number(number), None),
        });
    }
    Ok(wanted)
}

fn line_number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn wanted_key(text: &[u8]) -> Option<WantedKey> {
    let form: KeyForm = serde_json::from_slice(text).ok()?;
    form.try_into().ok()
}

/// Makes a page of keys. Returns a line for each, in order, and the number of keys made.
async fn make_keys(tracker: &dyn Management, page: Vec<Wanted>) -> (String, usize) {
    let good = page.iter().filter_map(|(_, wanted)| *wanted).collect();
    let mut outcomes = match tracker.keys().put_keys(good).await {
        Ok(outcomes) => Ok(outcomes.into_iter()),
        Err(error) => Err(error.to_string()),
    };
    let (mut text, mut made_count) = (String::new(), 0);
    for (line, wanted) in page {
        let outcome = match (wanted, &mut outcomes) {
            (None, _) => Err("no object of a key and seconds that can be".to_owned()),
            (Some(_), Err(error)) => Err(error.clone()),
            (Some(_), Ok(outcomes)) => match outcomes.next() {
                Some(outcome) => outcome.map_err(|error| error.to_string()),
                None => Err("the key was not made".to_owned()),
            },
        };
        text.push_str(&match outcome {
            Ok(made) => {
                made_count += 1;
                line_of(&Key::from(&made))
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
    responses(
        (status = 200, description = "What became of the lines", body = RemovedKeys),
        (status = 400, description = "The body was cut off", body = String, content_type = "text/plain"),
        (status = 408, description = "The body stood still", body = String, content_type = "text/plain"),
        (status = 413, description = "The body is too large", body = String, content_type = "text/plain"),
    ),
)]
async fn delete_keys(
    State(app): State<App>,
    Extension(change): Extension<Arc<Change>>,
    body: Body,
) -> Result<Json<RemovedKeys>, ApiError> {
    let _turn = app.bulk_requests.acquire().await;
    let mut lines = Lines::new(body);
    let mut counts = RemovedKeys { removed: 0, unknown: 0, lines: LineCounts::default() };
    let mut keys = Vec::with_capacity(STREAM_PAGE);
    while let Some(line) = lines.next().await? {
        let (number, key) = match line {
            Line::Text(number, text) => (number, AuthenticationKey::parse(&text)),
            Line::TooLong(number) => (number, None),
        };
        let Some(key) = key else {
            counts.lines.count_invalid(number);
            continue;
        };
        keys.push(key);
        if keys.len() == STREAM_PAGE {
            counts.remove(&app, &change, std::mem::take(&mut keys)).await?;
        }
    }
    counts.remove(&app, &change, keys).await?;
    Ok(Json(counts))
}

impl RemovedKeys {
    async fn remove(
        &mut self,
        app: &App,
        change: &Change,
        keys: Vec<AuthenticationKey>,
    ) -> Result<(), ApiError> {
        let asked = keys.len() as u64;
        let removed =
            app.tracker.keys().remove_keys(keys).await.map_err(ApiError::failed(DELETE_FAILED))? as u64;
        self.removed += removed;
        self.unknown += asked - removed;
        change.set_subject(format_args!("{} keys", self.removed));
        Ok(())
    }
}
