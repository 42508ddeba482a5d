use super::book::{BanBook, Rules};
use super::temporary::{BanTerms, SourceBan};
use super::{AppliedBan, Ban, BanCounts, BanManagement, Banned, ConfiguredRules, StoredBan, TemporaryBan};
use crate::management::{Answer, ManagementError, Pending};
use crate::shared::{Shared, to_the_end};
use crate::time::Moment;
use access::{AccessUpdate, BannedNetworks};
use database::{Change, Database};
use ipnet::IpNet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::error;

/// The bans, here, in the cores and in the database.
#[derive(Debug)]
pub(crate) struct Bans {
    shared: Arc<Shared>,
    /// Locked while its rules are sent to the cores.
    book: Mutex<BanBook>,
    /// Whether a core may not have the rules of the book. Changed while the book is locked.
    must_send: AtomicBool,
    counts: Counts,
}

/// The [`BanCounts`], for those who cannot wait for the lock.
#[derive(Debug, Default)]
struct Counts {
    stored: AtomicU64,
    temporary: AtomicU64,
    sources_banned: AtomicU64,
}

impl BanManagement for Arc<Bans> {
    fn all(&self) -> Pending<'_, Vec<Ban>> {
        Box::pin(async { self.book.lock().await.bans() })
    }

    fn counts(&self) -> BanCounts {
        let Counts { stored, temporary, sources_banned } = &self.counts;
        BanCounts {
            stored: stored.load(Ordering::Relaxed),
            temporary: temporary.load(Ordering::Relaxed),
            sources_banned: sources_banned.load(Ordering::Relaxed),
        }
    }

    fn add(&self, ban: StoredBan) -> Answer<'_, ()> {
        to_the_end(self, async move |bans| {
            let mut book = bans.book.lock().await;
            let mut changed = book.clone();
            let rules = changed.add(ban.clone())?;
            bans.shared.write_behind.insert(Change::PutBan(ban))?;
            bans.replace(&mut book, changed);
            bans.send(rules).await
        })
    }

    fn add_temporary(&self, ban: TemporaryBan) -> Answer<'_, ()> {
        to_the_end(self, async move |bans| {
            let mut book = bans.book.lock().await;
            let (mut changed, banned) = (book.clone(), Banned::Network(ban.network));
            let rules = changed.add_temporary(ban, Moment::now())?;
            bans.unstore(&book, banned)?;
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
            bans.unstore(&book, banned)?;
            bans.replace(&mut book, changed);
            bans.send(book.rules()?).await?;
            Ok(true)
        })
    }
}

impl Bans {
    pub(crate) fn new(shared: Arc<Shared>, configured: ConfiguredRules) -> Self {
        let book = Mutex::new(BanBook::new(configured));
        Self { shared, book, must_send: AtomicBool::new(false), counts: Counts::default() }
    }

    /// Lifts a stored ban in the database.
    fn unstore(&self, book: &BanBook, banned: Banned) -> Result<(), ManagementError> {
        if book.is_stored(&banned) {
            self.shared.write_behind.insert(Change::LiftBan(banned))?;
        }
        Ok(())
    }

    fn replace(&self, book: &mut BanBook, changed: BanBook) {
        *book = changed;
        self.count(book);
    }

    fn count(&self, book: &BanBook) {
        let [stored, temporary] = book.counts();
        self.counts.stored.store(stored as u64, Ordering::Relaxed);
        self.counts.temporary.store(temporary as u64, Ordering::Relaxed);
    }

    /// Bans sources for their requests, and returns for how long each is banned; `None` if it is banned already. If a core does
    /// not take the bans, they are sent again by [`Self::end_expired`].
    pub(crate) async fn ban_sources(
        self: &Arc<Self>,
        sources: Vec<SourceBan>,
        terms: BanTerms,
        now: Moment,
    ) -> Result<Vec<Option<Duration>>, ManagementError> {
        let work = async move |bans: Arc<Self>| {
            let mut book = bans.book.lock().await;
            let mut changed = book.clone();
            let ban = |source| changed.ban_source(source, terms, now);
            let durations: Vec<Option<Duration>> = sources.into_iter().map(ban).collect();
            let banned = durations.iter().flatten().count();
            if banned > 0 {
                let rules = changed.rules()?;
                bans.replace(&mut book, changed);
                bans.counts.sources_banned.fetch_add(banned as u64, Ordering::Relaxed);
                if let Err(error) = bans.send_networks(rules).await {
                    error!("temporary bans are not in force everywhere: {error}");
                }
            }
            Ok(durations)
        };
        to_the_end(self, work).await
    }

    /// Returns the ban that applies to each network.
    pub(crate) async fn applied(&self, networks: &[IpNet]) -> Vec<Option<AppliedBan>> {
        let book = self.book.lock().await;
        networks.iter().map(|network| book.applied(*network)).collect()
    }

    /// Ends the temporary bans whose time has passed, and sends the rules that a core may not have.
    pub(crate) async fn end_expired(&self, now: Instant) -> Result<(), ManagementError> {
        let mut book = self.book.lock().await;
        if !book.end_expired(now) && !self.must_send.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.count(&book);
        self.send_networks(book.rules()?).await
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
            self.count(&book);
        }
        self.send(book.rules()?).await
    }

    async fn send(&self, rules: Rules) -> Result<(), ManagementError> {
        let Rules { clients, networks } = rules;
        self.must_send.store(true, Ordering::Relaxed);
        let clients = self.shared.update(AccessUpdate::UseClients(Arc::new(clients))).await;
        clients.and(self.update_networks(networks).await)?;
        self.must_send.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Sends rules of which only the networks have changed since the last ones; all of them if a core may not have these.
    async fn send_networks(&self, rules: Rules) -> Result<(), ManagementError> {
        if self.must_send.swap(true, Ordering::Relaxed) {
            return self.send(rules).await;
        }
        self.update_networks(rules.networks).await?;
        self.must_send.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn update_networks(&self, networks: BannedNetworks) -> Result<(), ManagementError> {
        self.shared.update(AccessUpdate::UseNetworks(Arc::new(networks))).await
    }
}
