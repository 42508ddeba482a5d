//! Other tokens let in to the management API without a restart.

use config::{Api, Token as ConfiguredToken, TokenRights};
use rest_api::{Rights, Token};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

/// The tokens that let in, and where they come from.
pub(crate) struct TokenWatch {
    /// The configuration, of which only the tokens are read again.
    file: Option<PathBuf>,
    tokens: watch::Sender<Arc<[Token]>>,
}

impl TokenWatch {
    /// Begins with the tokens of the configuration that is in use.
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
        // A file system may keep a reader waiting.
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
        info!(tokens = ?*tokens, "the management API lets in other tokens");
        if tokens.is_empty() {
            warn!("the management API lets in nobody: there is no token any more");
        }
    }
}

/// Has the tokens read anew at each reload.
pub(crate) fn watch_tokens(mut reloads: watch::Receiver<u64>, tokens: TokenWatch) {
    tokio::spawn(async move {
        while reloads.changed().await.is_ok() {
            // Without one at the start the API is off.
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
