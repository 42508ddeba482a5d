use super::answer::ApiError;
use crate::auth::{Change, masked};
use crate::limits::{SEARCH_DEFAULT, SEARCH_MAX};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use primitives::{AuthenticationKey, InfoHash};
use std::convert::Infallible;
use std::num::ParseIntError;

/// The decoded parameter of a path that has exactly one.
pub(crate) struct InPath<T>(pub(crate) T);

/// A value that can be in a path.
pub(crate) trait PathValue: Sized {
    fn parse(text: &str) -> Result<Self, ApiError>;

    /// Returns the name of the value in the log of changes; `None` if it does not belong there.
    fn subject(&self) -> Option<String> {
        None
    }
}

impl<S: Send + Sync, T: PathValue> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, &())
            .await
            .map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
        if text.contains('/') {
            return Err(ApiError::NoSuchPath);
        }
        let value = T::parse(&text)?;
        if let Some(subject) = value.subject() {
            Change::set_subject_in(&parts.extensions, subject);
        }
        Ok(Self(value))
    }
}

impl PathValue for InfoHash {
    fn parse(text: &str) -> Result<Self, ApiError> {
        Self::from_hex(text.as_bytes()).ok_or_else(|| {
            ApiError::bad_request(format!(
                "Invalid URL: invalid infohash param: string {text:?}, expected a 40 character long string"
            ))
        })
    }

    fn subject(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl PathValue for AuthenticationKey {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let key = Self::parse(text.as_bytes());
        key.ok_or_else(|| ApiError::bad_request(format!("Invalid auth key id param {text:?}")))
    }

    fn subject(&self) -> Option<String> {
        Some(masked(*self))
    }
}

/// A number of seconds.
impl PathValue for u64 {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let invalid = |_| ApiError::bad_request(format!("Invalid URL: Cannot parse `{text:?}` to a `u64`"));
        unsigned(text).map_err(invalid)
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

/// What a search of info hashes asks for.
pub(crate) struct Search {
    pub(crate) prefix: HexPrefix,
    pub(crate) limit: usize,
}

/// The first digits of info hashes, in lower case.
pub(crate) struct HexPrefix(String);

impl Search {
    pub(crate) fn parse(query: &Query) -> Result<Self, ApiError> {
        let digits = query.text("prefix").unwrap_or_default();
        if digits.len() > InfoHash::HEX_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(bad_query("prefix: expected at most 40 hexadecimal digits"));
        }
        let limit = query.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(SEARCH_DEFAULT).min(SEARCH_MAX);
        Ok(Self { prefix: HexPrefix(digits.to_ascii_lowercase()), limit })
    }
}

impl HexPrefix {
    /// Returns the lowest info hash that begins with it.
    pub(crate) fn first(&self) -> InfoHash {
        let digits = format!("{:0<width$}", self.0, width = InfoHash::HEX_DIGITS);
        InfoHash::from_hex(digits.as_bytes()).expect("the digits were checked")
    }

    /// Returns the info hash if it is a whole one.
    pub(crate) fn whole(&self) -> Option<InfoHash> {
        InfoHash::from_hex(self.0.as_bytes())
    }

    /// Returns whether an info hash in lower case begins with it.
    pub(crate) fn fits(&self, info_hash: &str) -> bool {
        info_hash.starts_with(&self.0)
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
    ApiError::bad_request(format!("Failed to deserialize query string: {reason}"))
}
