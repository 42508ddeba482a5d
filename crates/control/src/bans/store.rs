use super::book::{BanBook, Rules};
use super::{Ban, BanManagement, Banned, ConfiguredRules};
use crate::management::{Answer, ManagementError, Pending};
use crate::shared::{Shared, to_the_end};
use access::AccessUpdate;
use database::{Change, Database};
use std::sync::Arc;
use tokio::sync::Mutex;
use tracing::error;

/// The bans, here, in the cores and in the database.
#[derive(Debug)]
pub(crate) struct Bans {
    shared: Arc<Shared>,
    /// Locked while its rules are sent to the cores.
    book: Mutex<BanBook>,
}

impl BanManagement for Arc<Bans> {
    fn all(&self) -> Pending<'_, Vec<Ban>> {
        Box::pin(async { self.book.lock().await.bans() })
    }

    fn add(&self, ban: Ban) -> Answer<'_, ()> {
        to_the_end(self, async move |bans| {
            let mut book = bans.book.lock().await;
            let mut changed = book.clone();
            let rules = changed.add(ban.clone())?;
            bans.shared.write_behind.insert(Change::PutBan(ban))?;
            *book = changed;
            bans.send(rules).await
        })
    }

    fn lift(&self, banned: Banned) -> Answer<'_, bool> {
        to_the_end(self, async move |bans| {
            let mut book = bans.book.lock().await;
            let mut changed = book.clone();
            if !changed.lift(&banned) {
                return Ok(false);
            }
            bans.shared.write_behind.insert(Change::LiftBan(banned))?;
            *book = changed;
            bans.send(book.rules()?).await?;
            Ok(true)
        })
    }
}

impl Bans {
    pub(crate) fn new(shared: Arc<Shared>, configured: ConfiguredRules) -> Self {
        Self { shared, book: Mutex::new(BanBook::new(configured)) }
    }

    /// Sends the configured rules to the cores.
    pub(crate) async fn begin(&self) {
        let book = self.book.lock().await;
        let sent = async { self.send(book.rules()?).await }.await;
        if let Err(error) = sent {
            error!("the bans of clients and networks are not in force: {error}");
        }
    }

    /// Loads the stored bans.
    pub(crate) async fn load(&self, database: &Database) -> Result<(), ManagementError> {
        let mut book = self.book.lock().await;
        // Earlier changes may not be stored yet, and the older stored bans would replace them.
        self.shared.write_behind.flush().await?;
        let mut pages = database.load_bans();
        while let Some(page) = pages.next().await? {
            book.load(page);
        }
        self.send(book.rules()?).await
    }

    async fn send(&self, rules: Rules) -> Result<(), ManagementError> {
        self.shared.update(AccessUpdate::UseClients(Arc::new(rules.clients))).await?;
        self.shared.update(AccessUpdate::UseNetworks(Arc::new(rules.networks))).await
    }
}
