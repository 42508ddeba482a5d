//! Parameters of paths and queries.

use crate::answer::ApiError;
use crate::change::{Change, masked};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use primitives::{AuthenticationKey, InfoHash};
use std::convert::Infallible;
use std::num::ParseIntError;

/// Returns the decoded parameter of a path that has exactly one.
async fn path_parameter(parts: &mut Parts) -> Result<String, ApiError> {
    let Path(text) = Path::<String>::from_request_parts(parts, &())
        .await
        .map_err(|rejection| ApiError::BadRequest(rejection.body_text()))?;
    if text.contains('/') { Err(ApiError::NoSuchPath) } else { Ok(text) }
}

pub(crate) struct InfoHashInPath(pub(crate) InfoHash);

impl<S: Send + Sync> FromRequestParts<S> for InfoHashInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let info_hash = parse_info_hash(&path_parameter(parts).await?)?;
        Change::set_subject_in(&parts.extensions, info_hash);
        Ok(Self(info_hash))
    }
}

pub(crate) fn parse_info_hash(text: &str) -> Result<InfoHash, ApiError> {
    InfoHash::from_hex(text.as_bytes()).ok_or_else(|| {
        ApiError::BadRequest(format!(
            "Invalid URL: invalid infohash param: string {text:?}, expected a 40 character long string"
        ))
    })
}

pub(crate) struct KeyInPath(pub(crate) AuthenticationKey);

impl<S: Send + Sync> FromRequestParts<S> for KeyInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = path_parameter(parts).await?;
        let key = AuthenticationKey::parse(text.as_bytes())
            .ok_or_else(|| ApiError::BadRequest(format!("Invalid auth key id param {text:?}")))?;
        Change::set_subject_in(&parts.extensions, masked(key));
        Ok(Self(key))
    }
}

pub(crate) struct SecondsInPath(pub(crate) u64);

impl<S: Send + Sync> FromRequestParts<S> for SecondsInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = path_parameter(parts).await?;
        let seconds = unsigned(&text);
        seconds
            .map(Self)
            .map_err(|_| ApiError::BadRequest(format!("Invalid URL: Cannot parse `{text:?}` to a `u64`")))
    }
}

/// The decoded parameters of a query. Unknown ones are ignored.
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Query {
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns a number of at most 63 bits (`int64` in the `OpenAPI` document). An empty value counts as absent.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let text = self.text(name).filter(|text| !text.is_empty());
        let parse = |text: &str| match unsigned(text) {
            Ok(number) if i64::try_from(number).is_ok() => Ok(number),
            Ok(_) => Err(bad_query(&format!("{name}: number too large to fit in target type"))),
            Err(error) => Err(bad_query(&format!("{name}: {error}"))),
        };
        text.map(parse).transpose()
    }
}

/// Parses a number without a sign; [`u64::from_str`] accepts a plus.
fn unsigned(text: &str) -> Result<u64, ParseIntError> {
    match text.strip_prefix('+') {
        // The parser's error for an invalid digit.
        Some(_) => "+".parse(),
        None => text.parse(),
    }
}

pub(crate) fn bad_query(reason: &str) -> ApiError {
    ApiError::BadRequest(format!("Failed to deserialize query string: {reason}"))
}
