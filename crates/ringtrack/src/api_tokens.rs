//! The tokens of the management API, and the one for the figures.

use config::{Api, Metrics, Token as ConfiguredToken, TokenRights};
use rest_api::{Rights, Token};
use std::sync::Arc;
use tokio::sync::watch;
use tracing::{info, warn};

/// Replaces the tokens, if they have changed.
pub(crate) fn use_tokens(used: &watch::Sender<Arc<[Token]>>, tokens: Arc<[Token]>) {
    if *used.borrow() == tokens {
        return;
    }
    // Without a receiver, the API is not served.
    used.send_replace(tokens);
    let tokens = used.borrow();
    info!(tokens = ?*tokens, "the tokens of the management API have changed");
    if tokens.is_empty() {
        warn!("the management API refuses all requests: no token is left");
    }
}

/// Returns the tokens of the configuration and of its tokens file.
pub(crate) fn all_tokens(api: &Api) -> anyhow::Result<Arc<[Token]>> {
    let token = |(label, token): (&str, &ConfiguredToken)| {
        let rights = match token.rights() {
            TokenRights::Full => Rights::Full,
            TokenRights::ReadOnly => Rights::ReadOnly,
        };
        anyhow::Ok(Token::new(label, token.secret(), rights)?)
    };
    api.all_tokens()?.iter().map(token).collect()
}

/// Returns the token that the figures require, if they require one.
pub(crate) fn token_of_figures(metrics: &Metrics) -> anyhow::Result<Option<Token>> {
    let token = |token: &ConfiguredToken| Token::new("metrics", token.secret(), Rights::ReadOnly);
    Ok(metrics.token.as_ref().map(token).transpose()?)
}
