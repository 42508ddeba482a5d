use crate::limits::TOKEN_BYTES_MAX;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq as _};

/// A token of the management API. Only its digest is kept, and `Debug` prints only its label.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Identifies it in the log.
    pub(crate) label: Arc<str>,
    digest: [u8; 32],
    pub(crate) rights: Rights,
}

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Read and change everything.
    Full,
    ReadOnly,
}

/// Why a text is not a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// An empty token would admit everyone.
    #[error("a token must not be empty")]
    Empty,
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("a token has at most {TOKEN_BYTES_MAX} bytes")]
    TooLong,
}

impl Token {
    /// Creates a token from its text. The label identifies it in the log.
    ///
    /// # Errors
    /// When the text is empty or too long.
    pub fn new(label: &str, text: &str, rights: Rights) -> Result<Self, TokenError> {
        match text.len() {
            0 => Err(TokenError::Empty),
            1..=TOKEN_BYTES_MAX => Ok(Self { label: label.into(), digest: digest(text), rights }),
            _ => Err(TokenError::TooLong),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({})", self.label)
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Returns the token with the offered text. All tokens are compared, each in constant time: the duration reveals neither
/// which one matched nor how much of the text was right.
pub(crate) fn find<'a>(tokens: &'a [Token], offered: &str) -> Option<&'a Token> {
    let offered = digest(offered);
    let mut found = None;
    for token in tokens {
        let is_this: Choice = token.digest.ct_eq(&offered);
        if bool::from(is_this) {
            found = Some(token);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_only_by_its_exact_text() {
        let tokens = [("admin", "MyAccessToken"), ("grafana", "other")]
            .map(|(label, text)| Token::new(label, text, Rights::Full).unwrap());
        let label = |offered| find(&tokens, offered).map(|token| &*token.label);
        assert_eq!(label("MyAccessToken"), Some("admin"));
        assert_eq!(label("other"), Some("grafana"));
        for wrong in ["", "MyAccessToke", "MyAccessTokenn", "myaccesstoken"] {
            assert_eq!(label(wrong), None, "{wrong}");
        }
        assert_eq!(find(&[], "MyAccessToken"), None);
    }

    #[test]
    fn a_token_has_1_to_256_bytes_and_is_not_printed() {
        let token = |text: &str| Token::new("ops", text, Rights::Full);
        assert_eq!(token("").unwrap_err(), TokenError::Empty);
        assert_eq!(token(&"x".repeat(257)).unwrap_err(), TokenError::TooLong);
        assert_eq!(format!("{:?}", token(&"x".repeat(256)).unwrap()), "Token(ops)");
    }
}
