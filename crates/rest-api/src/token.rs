use crate::limits::TOKEN_BYTES_MAX;
use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::{Choice, ConstantTimeEq as _};

/// What the management API lets somebody in by. Only its digest is kept, and it has no printable form.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It would let everybody in.
    #[error("a token must not be empty")]
    Empty,
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("a token has at most {TOKEN_BYTES_MAX} bytes")]
    TooLong,
}

impl Token {
    /// The token that is written so.
    ///
    /// # Errors
    /// When it is empty or too long.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        match text.len() {
            0 => Err(TokenError::Empty),
            1..=TOKEN_BYTES_MAX => Ok(Self(digest(text))),
            _ => Err(TokenError::TooLong),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(secret)")
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The label of the token that was offered. All tokens are compared, each in constant time: how long it takes says
/// neither which one it was nor how much of it was right.
pub(crate) fn label_of<'a>(tokens: &'a [(String, Token)], offered: &str) -> Option<&'a str> {
    let offered = digest(offered);
    let mut label = None;
    for (name, token) in tokens {
        let is_this: Choice = token.0.ct_eq(&offered);
        if bool::from(is_this) {
            label = Some(name.as_str());
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Vec<(String, Token)> {
        [("admin", "MyAccessToken"), ("grafana", "other")]
            .map(|(label, token)| (label.to_owned(), Token::new(token).unwrap()))
            .into()
    }

    #[test]
    fn a_token_is_known_by_its_label_and_nothing_else_is() {
        assert_eq!(label_of(&tokens(), "MyAccessToken"), Some("admin"));
        assert_eq!(label_of(&tokens(), "other"), Some("grafana"));
        for wrong in ["", "MyAccessToke", "MyAccessTokenn", "myaccesstoken"] {
            assert_eq!(label_of(&tokens(), wrong), None, "{wrong}");
        }
        assert_eq!(label_of(&[], "MyAccessToken"), None);
    }

    #[test]
    fn a_token_has_1_to_256_bytes_and_is_not_printed() {
        assert_eq!(Token::new("").unwrap_err(), TokenError::Empty);
        assert_eq!(Token::new(&"x".repeat(257)).unwrap_err(), TokenError::TooLong);
        assert_eq!(format!("{:?}", Token::new(&"x".repeat(256)).unwrap()), "Token(secret)");
    }
}
