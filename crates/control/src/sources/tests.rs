use super::store::Looks;
use super::{Class, SourceInfo, SourceManagement as _, SourceSettings, Sources};
use crate::bans::{AppliedBan, BanManagement as _, Bans, ConfiguredRules};
use crate::management::ManagementError;
use crate::shared::Shared;
use crate::testing::{TestCores, api_guard, source_limits};
use crate::time::Moment;
use access::AccessUpdate;
use database::{WriteBehind, WriteBehindSettings};
use guard::Source;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The sources of two test cores and of the APIs, looked at once a second, without a database.
struct Scene {
    sources: Sources,
    bans: Arc<Bans>,
    cores: Arc<TestCores>,
    looks: Looks,
    now: Moment,
}

fn settings() -> SourceSettings {
    SourceSettings {
        limits: source_limits(),
        ban_after: Duration::from_secs(10),
        ban_first: Duration::from_secs(60),
        ban_longest: Duration::from_secs(600),
        exempt: Vec::new(),
    }
}

const ABUSER: &str = "192.0.2.7";

impl Scene {
    fn new(settings: SourceSettings) -> Self {
        let (handles, cores) = TestCores::start();
        let write_behind = WriteBehind::start(None, WriteBehindSettings::default());
        let shared =
            Arc::new(Shared { cores: handles, database: None, write_behind, changes: Arc::default() });
        let rules = ConfiguredRules { temporary_bans_max: 10, ..ConfiguredRules::default() };
        let bans = Arc::new(Bans::new(Arc::clone(&shared), rules));
        let (sources, now) = (Sources::new(shared, Arc::clone(&bans), api_guard(), settings), Moment::now());
        Self { sources, bans, cores, looks: Looks::begin(now), now }
    }

    /// Has a core refuse this many requests of the abuser.
    fn refuse(&self, core: usize, refused: usize) {
        let source = Source::of(ABUSER.parse().unwrap());
        let guard = &mut self.cores.guards.lock().unwrap()[core];
        let requests = std::iter::repeat_with(|| guard.admit(0, Class::Requests, source));
        assert_eq!(requests.filter(Result::is_err).take(refused).count(), refused);
    }

    /// Looks a number of seconds after the last look.
    async fn look_after(&mut self, seconds: u64) {
        self.try_look_after(seconds).await.unwrap();
    }

    async fn try_look_after(&mut self, seconds: u64) -> Result<(), ManagementError> {
        let instant = self.now.instant + Duration::from_secs(seconds);
        self.now = Moment { unix_s: self.now.unix_s + seconds, instant };
        self.sources.look(&mut self.looks, self.now).await
    }

    async fn attack(&mut self, seconds: usize) {
        for _ in 0..seconds {
            self.refuse(0, 20);
            self.refuse(1, 20);
            self.look_after(1).await;
        }
    }

    /// Returns whether the networks that the cores refuse have the abuser, after each change.
    fn told(&self) -> Vec<bool> {
        let ip: IpAddr = ABUSER.parse().unwrap();
        self.cores.told(|update| match update {
            AccessUpdate::UseNetworks(networks) => Some(networks.contains(ip)),
            _ => None,
        })
    }

    async fn reasons(&self) -> Vec<String> {
        self.bans.all().await.into_iter().map(|ban| ban.reason).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_abuser_is_banned_and_listed_until_the_ban_ends_and_four_times_as_long_afterwards() {
    let mut scene = Scene::new(settings());
    scene.attack(9).await;
    assert!(scene.told().is_empty());
    scene.attack(1).await;
    assert_eq!(scene.reasons().await, ["50 requests/s for 10 s, 10 allowed"]);
    assert_eq!(scene.told(), [true]);
    let banned = SourceInfo {
        network: "192.0.2.7/32".parse().unwrap(),
        refused: [400, 0, 0, 0, 0],
        refused_per_s: 40,
        last_seen_unix_s: scene.now.unix_s,
        ban: Some(AppliedBan::Temporary {
            network: "192.0.2.7/32".parse().unwrap(),
            end_unix_s: scene.now.unix_s + 60,
        }),
    };
    assert_eq!(scene.sources.top().await, std::slice::from_ref(&banned));
    scene.look_after(59).await;
    assert_eq!(scene.told(), [true]);
    scene.look_after(1).await;
    assert_eq!(scene.told(), [true, false]);
    let listed = SourceInfo { refused_per_s: 0, ban: None, ..banned };
    assert_eq!(scene.sources.top().await, [listed]);

    scene.attack(10).await;
    let end = scene.bans.all().await[0].end.unwrap();
    assert_eq!((end.unix_s, end.level), (scene.now.unix_s + 240, Some(2)));
    let counts = scene.bans.counts();
    assert_eq!((counts.stored, counts.temporary, counts.sources_banned), (0, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn bans_and_their_ends_are_sent_until_each_core_has_them() {
    let mut scene = Scene::new(settings());
    let lose_next = |scene: &Scene| {
        *scene.cores.refused.lock().unwrap() = Some(|update| matches!(update, AccessUpdate::UseNetworks(_)));
    };
    // Of the first core, so that the second one is told each time.
    scene.attack(9).await;
    lose_next(&scene);
    scene.attack(1).await;
    assert_eq!(scene.bans.counts().sources_banned, 1, "it is banned where it can be");
    assert_eq!(scene.told(), [true]);
    scene.look_after(1).await;
    assert_eq!(scene.told(), [true, true]);
    scene.look_after(1).await;
    assert_eq!(scene.told(), [true, true], "each core has it");

    lose_next(&scene);
    assert!(scene.try_look_after(60).await.is_err());
    assert_eq!(scene.told(), [true, true, false]);
    scene.look_after(1).await;
    assert_eq!(scene.told(), [true, true, false, false]);
    scene.look_after(1).await;
    assert_eq!(scene.told().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_banned_whose_network_is_exempt_or_where_bans_are_off() {
    let exempt = |network: &str| {
        let exempt = vec![network.parse::<IpNet>().unwrap()];
        SourceSettings { exempt, ..settings() }
    };
    let off = SourceSettings { ban_first: Duration::ZERO, ..settings() };
    for (settings, is_banned) in
        [(exempt("192.0.2.0/24"), false), (off, false), (exempt("192.0.3.0/24"), true)]
    {
        let mut scene = Scene::new(settings.clone());
        scene.attack(30).await;
        assert_eq!(!scene.reasons().await.is_empty(), is_banned, "{settings:?}");
        assert_eq!(scene.sources.top().await.len(), 1, "it is listed in any case");
    }
    let wide: IpNet = "192.0.2.0/24".parse().unwrap();
    assert!(exempt("192.0.2.8/32").exempts(&wide), "a prefix with exempt addresses");
}

#[tokio::test(start_paused = true)]
async fn what_apis_refuse_counts_and_limits_are_replaced_everywhere() {
    let mut scene = Scene::new(settings());
    let source = Source::of(ABUSER.parse().unwrap());
    for _ in 0..10 {
        let refused = (0..60).filter(|_| scene.sources.apis().admit(Class::Requests, source).is_err());
        assert!(refused.count() >= 20);
        scene.look_after(1).await;
    }
    assert_eq!(scene.told(), [true]);
    let mut unlimited = settings();
    unlimited.limits.per_s = [0; Class::ALL.len()];
    scene.sources.use_settings(unlimited);
    assert!(scene.sources.apis().admit(Class::Requests, source).is_ok());
}
