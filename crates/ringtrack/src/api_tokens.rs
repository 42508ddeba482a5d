//! Replaces the tokens of the management API without a restart.

use config::{Api, Token as ConfiguredToken, TokenRights};
use rest_api::{Rights, Token};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

/// The accepted tokens, and where they come from.
pub(crate) struct TokenWatch {
    /// The configuration file, of which only the tokens are reloaded.
    file: Option<PathBuf>,
    tokens: watch::Sender<Arc<[Token]>>,
}

impl TokenWatch {
    /// Starts with the tokens of the configuration in use.
    pub(crate) fn new(file: Option<&Path>, api: &Api) -> anyhow::Result<Self> {
        let tokens = if api.is_wanted() { all_tokens(api)? } else { Arc::default() };
        Ok(Self { file: file.map(Path::to_owned), tokens: watch::Sender::new(tokens) })
    }

    pub(crate) fn are_none(&self) -> bool {
        self.tokens.borrow().is_empty()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<[Token]>> {
        self.tokens.subscribe()
    }

    async fn read_again(&self) {
        let file = self.file.clone();
        // A file system may block.
        let read = spawn_blocking(move || {
            let configuration = config::load(file.as_deref(), std::env::vars_os())?.configuration;
            all_tokens(&configuration.api)
        });
        match read.await.map_err(anyhow::Error::from).flatten() {
            Ok(tokens) => self.take_up(tokens),
            Err(trouble) => error!("the tokens of the management API stay as they were: {trouble:#}"),
        }
    }

    fn take_up(&self, tokens: Arc<[Token]>) {
        if *self.tokens.borrow() == tokens {
            return;
        }
        self.tokens.send_replace(tokens);
        let tokens = self.tokens.borrow();
        info!(tokens = ?*tokens, "the tokens of the management API have changed");
        if tokens.is_empty() {
            warn!("the management API refuses all requests: no token is left");
        }
    }
}

/// Reloads the tokens at each reload.
pub(crate) fn watch_tokens(mut reloads: watch::Receiver<u64>, tokens: TokenWatch) {
    tokio::spawn(async move {
        while reloads.changed().await.is_ok() {
            // The API is off if there was no token at the start.
            if tokens.tokens.receiver_count() > 0 {
                tokens.read_again().await;
            }
        }
    });
}

fn all_tokens(api: &Api) -> anyhow::Result<Arc<[Token]>> {
    let token = |(label, token): (&str, &ConfiguredToken)| {
        let rights = match token.rights() {
            TokenRights::Full => Rights::Full,
            TokenRights::ReadOnly => Rights::ReadOnly,
        };
        anyhow::Ok(Token::new(label, token.secret(), rights)?)
    };
    api.all_tokens()?.iter().map(token).collect()
}
