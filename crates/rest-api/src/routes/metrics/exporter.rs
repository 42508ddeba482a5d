//! The listener for Prometheus.

use super::PROMETHEUS_TYPE;
use super::collection::{Collection, label};
use super::process::process_figures;
use crate::auth::{Token, WrongTokens, has_bearer, limit_sources, require_bearer};
use crate::http::{Connection, with_type};
use crate::limits::FIGURES_INTERVAL;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use control::management::Management;
use metrics::{Histogram, ProcessFigure};
use std::sync::{self, Arc};
use std::time::{Instant, SystemTime};
use tokio::sync::{Mutex, watch};

/// The tracker whose figures are read, and its last answer.
struct Exporter {
    tracker: Arc<dyn Management>,
    started: SystemTime,
    /// Required of requests, if there is one.
    token: watch::Receiver<Option<Token>>,
    wrong_tokens: sync::Mutex<WrongTokens>,
    /// Locked while the figures are collected, so that requests that arrive meanwhile wait for the result.
    answer: Mutex<Option<(Instant, Bytes)>>,
}

pub(crate) fn exporter_router(tracker: Arc<dyn Management>, token: watch::Receiver<Option<Token>>) -> Router {
    let wrong_tokens = sync::Mutex::new(WrongTokens::new(Instant::now()));
    let started = SystemTime::now();
    let (valid, limiting) = (token.clone(), Arc::clone(&tracker));
    let exporter = Arc::new(Exporter { tracker, started, token, wrong_tokens, answer: Mutex::new(None) });
    let router = Router::new()
        .route("/metrics", get(get_figures))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(exporter);
    limit_sources(router, limiting, move |request| {
        valid.borrow().as_ref().is_some_and(|token| has_bearer(token, request.headers()))
    })
}

async fn get_figures(
    State(exporter): State<Arc<Exporter>>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let token = exporter.token.borrow().clone();
    if let Some(token) = token {
        let guard = exporter.tracker.api_guard();
        require_bearer(&token, &headers, &connection, (guard, &exporter.wrong_tokens)).await?;
    }
    Ok(with_type(PROMETHEUS_TYPE, exporter.answer().await))
}

impl Exporter {
    /// Collects the figures, unless that was done a moment ago.
    async fn answer(&self) -> Bytes {
        let mut last = self.answer.lock().await;
        if let Some((moment, answer)) = &*last
            && moment.elapsed() < FIGURES_INTERVAL
        {
            return answer.clone();
        }
        let answer = Bytes::from(self.collect().await.to_string());
        *last = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn collect(&self) -> Collection {
        let mut collection = Collection::default();
        for (shard, statistics) in self.tracker.shards().iter().enumerate() {
            let shard = label("shard", shard.to_string());
            collection.add_statistics(statistics, Some(&shard));
            collection.add_histogram(Histogram::BatchDatagrams, &[shard], &statistics.batches());
        }
        collection.add_control_plane(&*self.tracker);
        // Without those of cores that cannot be asked.
        for latencies in self.tracker.latency().distributions().await.unwrap_or_default() {
            let labels: Vec<_> = latencies.labels.iter().map(|&(name, value)| label(name, value)).collect();
            collection.add_histogram(latencies.histogram, &labels, &latencies.distribution);
        }
        let version = label("version", env!("CARGO_PKG_VERSION"));
        collection.add(&ProcessFigure::BuildInfo.figure(), [version], 1);
        for (figure, value) in process_figures(self.started) {
            collection.add(&figure.figure(), [], value);
        }
        collection
    }
}
