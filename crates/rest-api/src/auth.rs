//! Who may request what: tokens, wrong tokens, and the log of changes.

mod authentication;
mod change;
mod token;
mod wrong_tokens;

pub(crate) use authentication::{require_bearer, require_token};
pub(crate) use change::{Change, masked};
pub use token::{Rights, Token, TokenError};
pub(crate) use wrong_tokens::WrongTokens;
