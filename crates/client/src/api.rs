//! A client of the management API. Its methods have the names of the operations in `docs/openapi.json`, where the routes are
//! described, and the types of `api_contract`.

mod answer;
mod connection;
mod routes;
#[cfg(test)]
mod tests;

pub use answer::{Events, KeyLine};
pub use api_contract::v1;
pub use connection::ApiClient;

/// Why a request to the management API failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The address or the token cannot be used.
    #[error("{0}")]
    Setting(&'static str),
    #[error("no answer in time")]
    Timeout,
    #[error("{0}")]
    Connection(String),
    #[error("the token is not valid")]
    WrongToken,
    /// The tracker refused the request with a reason, which is empty for a path that it does not have.
    #[error("status {status}: {reason}")]
    Refused { status: u16, reason: String },
    /// The response is not what the API describes.
    #[error("{0}")]
    Malformed(String),
}
