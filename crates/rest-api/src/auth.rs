//! Who may request what: tokens, wrong tokens, and the log of changes.

mod authentication;
mod change;
mod source_limit;
mod token;
mod wrong_tokens;

pub(crate) use authentication::{has_bearer, require_bearer, require_token, token_of};
pub(crate) use change::{Change, masked};
pub(crate) use source_limit::limit_sources;
pub use token::{Rights, Token, TokenError};
pub(crate) use wrong_tokens::WrongTokens;
