use crate::token::Token;
use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, Method, StatusCode};
use primitives::AuthenticationKey;
use std::fmt::Display;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A change that somebody asks for. It is logged when nobody works at it any more, also where its client has gone
/// before the answer.
#[derive(Debug)]
pub(crate) struct Change {
    token: Arc<str>,
    operation: String,
    /// What is changed, as far as that is known.
    subject: Mutex<String>,
    status: OnceLock<StatusCode>,
}

impl Change {
    /// The change that a request asks for; `None`: it only reads.
    pub(crate) fn of(request: &Request, token: &Token) -> Option<Arc<Self>> {
        // The pattern, not the path itself, which may have a key in it.
        let path = request.extensions().get().map_or("", MatchedPath::as_str);
        let method = request.method();
        // Version 1 reads lists and keys anew by GET.
        if is_read(method) && !path.ends_with("/reload") {
            return None;
        }
        Some(Arc::new(Self {
            token: Arc::clone(token.label()),
            operation: format!("{method} {path}"),
            subject: Mutex::default(),
            status: OnceLock::new(),
        }))
    }

    /// Says what is changed: never a whole key.
    pub(crate) fn set_subject(&self, subject: impl Display) {
        *self.subject.lock().unwrap_or_else(PoisonError::into_inner) = subject.to_string();
    }

    /// Says what a request that is on its way to its handler changes, where it changes something.
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

/// Whether a request of this method may change nothing but by `/reload`.
pub(crate) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// As much of a key as tells it from others, and no more.
pub(crate) fn masked(key: AuthenticationKey) -> impl Display {
    const SHOWN_CHARACTERS: usize = 4;
    format!("key {}...", &key.reveal()[..SHOWN_CHARACTERS])
}
