use super::culprit::{Culprit, CulpritLog};
use super::top_list::{Look, Record, TopSources};
use super::{ApiGuard, SourceInfo, SourceManagement, SourceSettings};
use crate::bans::{AppliedBan, BanTerms, Bans, SourceBan};
use crate::limits::SOURCES_LOOK_MS;
use crate::management::{ManagementError, Pending};
use crate::shared::{Shared, lock};
use crate::time::{Moment, later};
use core_link::CoreCommand;
use ipnet::IpNet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::error;

/// Looks at what cores and APIs refuse, and bans those who send far too much.
#[derive(Debug)]
pub(crate) struct Sources {
    shared: Arc<Shared>,
    bans: Arc<Bans>,
    apis: Arc<ApiGuard>,
    settings: Mutex<SourceSettings>,
    top: Mutex<TopSources>,
}

/// What lasts from one look to the next.
#[derive(Debug)]
pub(super) struct Looks {
    last: Moment,
    log: CulpritLog,
}

impl Looks {
    pub(super) fn begin(now: Moment) -> Self {
        Self { last: now, log: CulpritLog::default() }
    }
}

fn info(network: IpNet, record: &Record, ban: Option<AppliedBan>) -> SourceInfo {
    SourceInfo {
        network,
        refused: record.refused,
        refused_per_s: record.refused_per_s,
        last_seen_unix_s: record.last_seen.unix_s,
        ban,
    }
}

impl SourceManagement for Sources {
    fn top(&self) -> Pending<'_, Vec<SourceInfo>> {
        Box::pin(async {
            let sources = lock(&self.top).sorted();
            let networks: Vec<IpNet> = sources.iter().map(|(network, _)| *network).collect();
            let bans = self.bans.applied(&networks).await;
            sources
                .into_iter()
                .zip(bans)
                .map(|((network, record), ban)| info(network, &record, ban))
                .collect()
        })
    }
}

impl Sources {
    pub(crate) fn new(
        shared: Arc<Shared>,
        bans: Arc<Bans>,
        apis: Arc<ApiGuard>,
        settings: SourceSettings,
    ) -> Self {
        Self { shared, bans, apis, settings: Mutex::new(settings), top: Mutex::default() }
    }

    pub(crate) fn apis(&self) -> &ApiGuard {
        &self.apis
    }

    pub(crate) fn use_settings(&self, settings: SourceSettings) {
        self.apis.use_limits(settings.limits.clone());
        *lock(&self.settings) = settings;
    }

    /// Looks at the sources once a second.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = later(Duration::from_millis(SOURCES_LOOK_MS));
        let mut looks = Looks::begin(Moment::now());
        loop {
            ticks.tick().await;
            if let Err(error) = self.look(&mut looks, Moment::now()).await {
                error!("temporary bans are not in force everywhere: {error}");
            }
        }
    }

    /// Ends bans whose time has passed, takes what was refused since the last look, and bans the culprits.
    pub(super) async fn look(&self, looks: &mut Looks, now: Moment) -> Result<(), ManagementError> {
        let ended = self.bans.end_expired(now.instant).await;
        let mut refused = self.shared.command_all(|_, reply| CoreCommand::TakeOffenders(reply)).await?;
        refused.push(self.apis.take_offenders());
        let settings = lock(&self.settings).clone();
        let look = Look {
            now,
            elapsed: now.instant.saturating_duration_since(looks.last.instant),
            limits: &settings.limits,
            ban_after: settings.ban_after,
        };
        looks.last = now;
        let offenders = refused.iter().flat_map(|offenders| offenders.iter());
        let culprits = lock(&self.top).note(offenders, &look);
        for (culprit, banned) in self.ban(culprits, &settings, now).await {
            if lock(&self.top).note_logged(&culprit.network, now.instant) {
                looks.log.write(&culprit, banned, now.instant);
            } else {
                looks.log.leave_out();
            }
        }
        ended
    }

    /// Bans the culprits that are not exempt. Returns for how long each is banned; `None` for those that are not.
    async fn ban(
        &self,
        culprits: Vec<Culprit>,
        settings: &SourceSettings,
        now: Moment,
    ) -> Vec<(Culprit, Option<Duration>)> {
        let (mut not_banned, banned): (Vec<Culprit>, Vec<Culprit>) = culprits
            .into_iter()
            .partition(|culprit| culprit.is_private() || settings.exempts(&culprit.network));
        let ban = |culprit: &Culprit| SourceBan { network: culprit.network, reason: culprit.to_string() };
        let terms = BanTerms { first: settings.ban_first, longest: settings.ban_longest };
        let durations = match self.bans.ban_sources(banned.iter().map(ban).collect(), terms, now).await {
            Ok(durations) => durations,
            Err(error) => {
                error!("sources are not banned: {error}");
                not_banned.extend(&banned);
                Vec::new()
            }
        };
        // Those without a duration were banned before, and have sent this before that was in force.
        let banned = banned.into_iter().zip(durations).filter(|(_, duration)| duration.is_some());
        banned.chain(not_banned.into_iter().map(|culprit| (culprit, None))).collect()
    }
}

impl SourceSettings {
    /// Whether a network is not banned for what it sends.
    pub(super) fn exempts(&self, network: &IpNet) -> bool {
        let overlaps = |exempt: &IpNet| exempt.contains(network) || network.contains(exempt);
        self.ban_first.is_zero() || self.exempt.iter().any(overlaps)
    }
}
