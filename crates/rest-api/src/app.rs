use crate::auth::{Token, WrongTokens};
use crate::limits::{BULK_REQUESTS_MAX, EVENT_STREAMS_MAX};
use crate::routes::HealthChecks;
use control::management::Management;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};

/// State shared by all routes.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) tracker: Arc<dyn Management>,
    pub(crate) tokens: watch::Receiver<Arc<[Token]>>,
    pub(crate) wrong_tokens: Arc<Mutex<WrongTokens>>,
    pub(crate) bulk_requests: Arc<Semaphore>,
    pub(crate) event_streams: Arc<Semaphore>,
    pub(crate) health: Arc<HealthChecks>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl App {
    pub(crate) fn new(
        tracker: Arc<dyn Management>,
        tokens: watch::Receiver<Arc<[Token]>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            health: Arc::new(HealthChecks::new(Arc::clone(&tracker))),
            tracker,
            tokens,
            wrong_tokens: Arc::new(Mutex::new(WrongTokens::new(Instant::now()))),
            bulk_requests: Arc::new(Semaphore::new(BULK_REQUESTS_MAX)),
            event_streams: Arc::new(Semaphore::new(EVENT_STREAMS_MAX)),
            stop,
        }
    }
}

/// Returns the current time in Unix milliseconds.
pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
