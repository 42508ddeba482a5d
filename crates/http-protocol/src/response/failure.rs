use super::frame::{ContentType, frame};
use super::{INTEGER_BYTES_MAX, OutOfRoom};
use crate::bencode::{Text, Writer};
use crate::framing::Framing;
use crate::limits::TEXT_BYTES_MAX;
use crate::status::Status;
use core::fmt;
use core::ops::Range;

/// The response to a refused announce or scrape (BEP 3). Its status is 200, because clients read no other.
#[derive(Clone, Copy)]
pub struct FailureResponse<'a> {
    /// Text for the client's user, truncated to [`TEXT_BYTES_MAX`] bytes.
    pub reason: &'a dyn fmt::Display,
    pub retry: Retry,
}

/// When a refused client should retry (BEP 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Left to the client.
    Unsaid,
    InMinutes(u32),
    Never,
}

impl FailureResponse<'_> {
    /// Writes the response and returns its range in `out`.
    pub fn write(&self, out: &mut [u8], framing: Framing) -> Result<Range<usize>, OutOfRoom> {
        frame(out, framing, (Status::Ok, ContentType::Text), |body| self.write_body(body))
    }

    fn write_body(&self, body: &mut Writer<'_>) {
        body.literal("d14:failure reason");
        body.string(Text::<TEXT_BYTES_MAX>::of(self.reason).as_bytes());
        match self.retry {
            Retry::Unsaid => {}
            Retry::InMinutes(minutes) => {
                // libtorrent ignores `retry in`, and retries after half an hour if there is no interval.
                body.literal("8:interval");
                body.integer(minutes.saturating_mul(60));
                body.literal("8:retry in");
                body.integer(minutes);
            }
            Retry::Never => body.literal("8:retry in5:never"),
        }
        body.literal("e");
    }
}

impl fmt::Debug for FailureResponse<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FailureResponse({}, {:?})", self.reason, self.retry)
    }
}

/// Size of the longest body.
pub(super) const BODY_BYTES_MAX: usize =
    "d14:failure reason256:8:interval8:retry ine".len() + TEXT_BYTES_MAX + 2 * INTEGER_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::super::testing::{ORDINARY, body};
    use super::*;
    use crate::query::{Parameter, ParameterValue, QueryError};

    fn text(reason: &dyn fmt::Display, retry: Retry) -> String {
        let response = FailureResponse { reason, retry };
        body(|out| response.write(out, ORDINARY)).escape_ascii().to_string()
    }

    #[test]
    fn a_failure_names_the_wrong_parameter() {
        let cannot = "Cannot parse query params for announce request";
        let failure = |text: String| format!("d14:failure reason{}:{text}e", text.len());
        let missing = QueryError::Missing(Parameter::PeerId);
        assert_eq!(text(&missing, Retry::Unsaid), failure(format!("{cannot}: missing param peer_id")));
        let wrong = QueryError::NotTwentyBytes(Parameter::InfoHash, ParameterValue(b"%41\"x\xff"));
        let why = "invalid param value %41\\\"x\\xff for info_hash: it is not 20 percent-encoded bytes";
        assert_eq!(wrong.to_string(), format!("{cannot}: {why}"));
        let port = QueryError::NotAPort(ParameterValue(&[b'9'; 100]));
        let nines = "9".repeat(60);
        let why = format!("invalid param value {nines} for port: it is not a number from 0 to 65535");
        assert_eq!(text(&port, Retry::Unsaid), failure(format!("{cannot}: {why}")));
    }

    #[test]
    fn a_failure_says_when_to_retry() {
        assert_eq!(
            text(&"busy", Retry::InMinutes(5)),
            "d14:failure reason4:busy8:intervali300e8:retry ini5ee"
        );
        assert_eq!(text(&"banned", Retry::Never), "d14:failure reason6:banned8:retry in5:nevere");
    }

    #[test]
    fn a_reason_is_truncated_to_256_bytes() {
        let long = "r".repeat(257);
        assert_eq!(BODY_BYTES_MAX, 323);
        assert_eq!(text(&long, Retry::InMinutes(u32::MAX)).len(), 323);
    }
}
