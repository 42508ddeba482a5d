use super::book::{BanBook, Rules};
use super::{Ban, BanManagement, Banned, ConfiguredRules};
use crate::management::{Answer, ManagementError, Pending};
use crate::shared::{Shared, to_the_end};
use access::AccessUpdate;
use database::{Change, Database};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Mutex;
use tracing::error;

/// The bans, here, in the cores and in the database.
#[derive(Debug)]
pub(crate) struct Bans {
    shared: Arc<Shared>,
    /// Locked while its rules are sent to the cores.
    book: Mutex<BanBook>,
    /// The number of bans in the book, for those who cannot wait for the lock.
    count: AtomicUsize,
}

impl BanManagement for Arc<Bans> {
    fn all(&self) -> Pending<'_, Vec<Ban>> {
        Box::pin(async { self.book.lock().await.bans() })
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self, ban: Ban) -> Answer<'_, ()> {
        to_the_end(self, async move |bans| {
            let mut book = bans.book.lock().await;
            let mut changed = book.clone();
            let rules = changed.add(ban.clone())?;
            bans.shared.write_behind.insert(Change::PutBan(ban))?;
            bans.replace(&mut book, changed);
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
            bans.replace(&mut book, changed);
            bans.send(book.rules()?).await?;
            Ok(true)
        })
    }
}

impl Bans {
    pub(crate) fn new(shared: Arc<Shared>, configured: ConfiguredRules) -> Self {
        Self { shared, book: Mutex::new(BanBook::new(configured)), count: AtomicUsize::new(0) }
    }

    fn replace(&self, book: &mut BanBook, changed: BanBook) {
        *book = changed;
        self.count.store(book.len(), Ordering::Relaxed);
    }

    /// Sends the configured rules to the cores.
    pub(crate) async fn begin(&self) {
        let book = self.book.lock().await;
        let sent = async { self.send(book.rules()?).await }.await;
        if let Err(error) = sent {
            error!("the bans of clients and networks are not in force: {error}");
        }
    }

    /// Checks that there are not too many rules with the bans.
    pub(crate) async fn check_configured(&self, configured: &ConfiguredRules) -> Result<(), ManagementError> {
        let mut changed = self.book.lock().await.clone();
        changed.use_configured(configured.clone());
        changed.rules().map(drop)
    }

    /// Replaces the configured rules, unless there are too many with the bans.
    pub(crate) async fn use_configured(&self, configured: ConfiguredRules) -> Result<(), ManagementError> {
        let mut book = self.book.lock().await;
        let mut changed = book.clone();
        changed.use_configured(configured);
        let rules = changed.rules()?;
        *book = changed;
        self.send(rules).await
    }

    /// Loads the stored bans.
    pub(crate) async fn load(&self, database: &Database) -> Result<(), ManagementError> {
        let mut book = self.book.lock().await;
        // Earlier changes may not be stored yet, and the older stored bans would replace them.
        self.shared.write_behind.flush().await?;
        let mut pages = database.load_bans();
        while let Some(page) = pages.next().await? {
            book.load(page);
            self.count.store(book.len(), Ordering::Relaxed);
        }
        self.send(book.rules()?).await
    }

    async fn send(&self, rules: Rules) -> Result<(), ManagementError> {
        let clients = self.shared.update(AccessUpdate::UseClients(Arc::new(rules.clients))).await;
        clients.and(self.shared.update(AccessUpdate::UseNetworks(Arc::new(rules.networks))).await)
    }
}
