use crate::headers::split_at_byte;
use crate::limits::SHOWN_VALUE_BYTES_MAX;
use core::fmt;
use core::iter::from_fn;
use thiserror::Error;

/// A required parameter of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    InfoHash,
    PeerId,
    Port,
}

/// Why a query is not an announce or scrape. The text is sent as a failure reason and starts with words that other
/// tools match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QueryError<'a> {
    #[error("{CANNOT_PARSE}: missing param {0}")]
    Missing(Parameter),
    /// The value is not 20 bytes, percent-encoded where needed.
    #[error("{CANNOT_PARSE}: invalid param value {1} for {0}: it is not 20 percent-encoded bytes")]
    NotTwentyBytes(Parameter, ParameterValue<'a>),
    /// The value is not a number from 0 to 65535.
    #[error("{CANNOT_PARSE}: invalid param value {0} for port: it is not a number from 0 to 65535")]
    NotAPort(ParameterValue<'a>),
}

const CANNOT_PARSE: &str = "Cannot parse query params for announce request";

/// The value of a parameter, not decoded. Only the start of a long one is displayed, in printable characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterValue<'a>(pub &'a [u8]);

impl fmt::Display for ParameterValue<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..SHOWN_VALUE_BYTES_MAX).unwrap_or(self.0);
        write!(formatter, "{}", shown.escape_ascii())
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InfoHash => "info_hash",
            Self::PeerId => "peer_id",
            Self::Port => "port",
        })
    }
}

/// Names have a few bytes, so that a plain loop finds their end faster than a search made for long texts.
fn name_and_value(parameter: &[u8]) -> (&[u8], &[u8]) {
    let end = parameter.iter().position(|&byte| byte == b'=');
    let name_and_value = end.and_then(|end| parameter.split_at_checked(end));
    name_and_value.map_or((parameter, &[]), |(name, value)| (name, value.get(1..).unwrap_or_default()))
}

/// Returns the names and values of the parameters of a query, not decoded, in their order.
pub(crate) fn parameters(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = query;
    from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (parameter, after) = split_at_byte(rest, b'&').unwrap_or((rest, &[]));
        rest = after;
        Some(name_and_value(parameter))
    })
}
