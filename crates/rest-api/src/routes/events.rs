use crate::app::{App, now_unix_ms};
use crate::auth::Token;
use crate::http::{ApiError, stopped};
use crate::limits::EVENT_INTERVAL;
use api_contract::v1::Statistics;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use control::management::Management;
use futures_util::stream;
use metrics::{Kind, Statistics as Figures};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The state of an open event stream.
struct Watch {
    tracker: Arc<dyn Management>,
    stop: watch::Receiver<bool>,
    tokens: watch::Receiver<Arc<[Token]>>,
    ticks: Interval,
    before: Option<(Instant, Figures)>,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// Returns the next event, or `None` to end the stream: at shutdown, or when the tokens change, because the client
    /// has to prove its token again.
    async fn next(&mut self) -> Option<String> {
        let now = tokio::select! {
            now = self.ticks.tick() => now,
            () = stopped(&mut self.stop) => return None,
            Ok(()) = self.tokens.changed() => return None,
        };
        Some(self.event(now))
    }

    fn event(&mut self, now: Instant) -> String {
        let statistics = self.tracker.statistics();
        let before = self.before.replace((now, statistics.clone()));
        let rates_per_s = before.map_or_else(BTreeMap::new, |(then, old)| {
            rates(&old, &statistics, now.duration_since(then).as_secs_f64())
        });
        let event = Statistics { unix_ms: now_unix_ms(), figures: statistics.named().collect(), rates_per_s };
        let data = serde_json::to_string(&event).expect("names and numbers serialize to JSON");
        format!("event: statistics\ndata: {data}\n\n")
    }
}

fn rates(before: &Figures, now: &Figures, elapsed_s: f64) -> BTreeMap<String, f64> {
    let figures = now.figures().zip(before.figures());
    let counters = figures.filter(|((figure, _), _)| figure.kind == Kind::Counter);
    counters
        .map(|((figure, value), (_, before))| {
            let growth = value.saturating_sub(before);
            #[expect(clippy::cast_precision_loss, reason = "the growth within a second is far below 2^53")]
            let rate = growth as f64 / elapsed_s.max(f64::MIN_POSITIVE);
            (figure.name, rate)
        })
        .collect()
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_events))
}

/// The figures each second, as server-sent events
#[utoipa::path(
    get, path = "/api/v1/events", tag = "figures",
    responses((status = 200, description = "Events `statistics`, without an end", body = Statistics,
        content_type = "text/event-stream")),
)]
async fn get_events(State(app): State<App>) -> Result<Response, ApiError> {
    let permit = Arc::clone(&app.event_streams)
        .try_acquire_owned()
        .map_err(|_| ApiError::too_many("too many streams of events"))?;
    let mut ticks = interval(EVENT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let App { tracker, stop, mut tokens, .. } = app;
    tokens.mark_unchanged();
    let watch = Watch { tracker, stop, tokens, ticks, before: None, _permit: permit };
    let events = stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(events)).into_response())
}
