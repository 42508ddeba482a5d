use super::token::Token;
use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, Method, StatusCode};
use primitives::AuthenticationKey;
use std::fmt::Display;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A change requested over the API. It is logged when dropped, so also if the client disconnects before the response.
#[derive(Debug)]
pub(crate) struct Change {
    token: Arc<str>,
    operation: String,
    /// What is changed; empty until known.
    subject: Mutex<String>,
    status: OnceLock<StatusCode>,
}

impl Change {
    /// Returns the change that a request asks for, or `None` if it only reads.
    pub(crate) fn of(request: &Request, token: &Token) -> Option<Arc<Self>> {
        // The route pattern, because the path itself may contain a key.
        let path = request.extensions().get().map_or("", MatchedPath::as_str);
        let method = request.method();
        // In version 1, lists and keys are reloaded with GET.
        if is_read(method) && !path.ends_with("/reload") {
            return None;
        }
        Some(Arc::new(Self {
            token: Arc::clone(&token.label),
            operation: format!("{method} {path}"),
            subject: Mutex::default(),
            status: OnceLock::new(),
        }))
    }

    /// Sets what is changed, for the log. It must not contain a whole key.
    pub(crate) fn set_subject(&self, subject: impl Display) {
        *self.subject.lock().unwrap_or_else(PoisonError::into_inner) = subject.to_string();
    }

    /// Sets the subject of the change in the extensions of a request, if there is one.
    pub(crate) fn set_subject_in(extensions: &Extensions, subject: impl Display) {
        if let Some(change) = extensions.get::<Arc<Self>>() {
            change.set_subject(subject);
        }
    }

    pub(crate) fn set_status(&self, status: StatusCode) {
        self.status.get_or_init(|| status);
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        let Self { token, operation, subject, status } = self;
        let on = subject.get_mut().unwrap_or_else(PoisonError::into_inner);
        let status = status.get().map(StatusCode::as_u16);
        tracing::info!(token = &**token, operation, on, status, "management API");
    }
}

/// Returns whether requests with this method only read, apart from `/reload`.
pub(crate) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns the first characters of a key: enough to identify it in a log, not enough to use it.
pub(crate) fn masked(key: AuthenticationKey) -> String {
    const SHOWN_CHARACTERS: usize = 4;
    format!("key {}...", &key.reveal()[..SHOWN_CHARACTERS])
}
