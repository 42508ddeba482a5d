use super::bytes::Bytes;
use crate::simulator::SimulatorSettings;
use access::{AccessEvent, AccessPolicy, UserAdmission};
use engine::{ConnectionIdKey, EngineSettings, Now, Secrets, Shard};
use guard::{CoreGuard, Guard, SourceLimits};
use metrics::Gauge;
use primitives::{ClockShift, ExportPlace, Imported, Second, StatePage, SteeringKey, SwarmFamily, TableSeed};
use std::sync::Arc;
use swarm::{PEER_LIFETIME_S_MAX, Seeds, SwarmLimits};

const LIMITS: SwarmLimits = SwarmLimits {
    swarms_max: 5,
    peers_max: 12,
    swarm_peers_max: 6,
    peers_per_host_max: 1,
    bytes_max: 1 << 20,
};

/// More than all swarms take.
const EXPIRY_WORK: u32 = 1 << 20;

const SESSIONS_MAX: usize = 4;

/// Imports a script of pages of any bytes: seconds of the clock that pass, seconds from the clock of the page to that of the
/// importer, and the bytes, of swarms and of sessions in turn.
///
/// Limits hold. What the shard has afterwards is exported as well-formed pages, which another shard imports as a whole, except
/// what has expired. All of it expires.
///
/// # Panics
/// If one of these does not hold.
pub fn state_pages(input: &[u8]) {
    let mut input = Bytes(input);
    let mut engine = SimulatorSettings::default().engine;
    engine.access = AccessPolicy { users: UserAdmission::Private, ..AccessPolicy::PUBLIC };
    let mut limited = engine;
    limited.swarms.limits = LIMITS;
    limited.access_bounds.accounts.sessions_max = SESSIONS_MAX;
    let mut shard = shard(&limited, 1);
    let mut now = Second(70_000);
    while let Some((passed_s, shift, page)) = next_page(&mut input, now) {
        now = now.after(passed_s);
        let given = page.swarms.len() + page.sessions.len();
        let imported = shard.import(at(now), &page, shift);
        assert!(imported.malformed_bytes <= given as u64);
    }
    let held = Held::of(&mut shard);
    held.check_limits(&mut shard);
    let mut copy = self::shard(&engine, 2);
    let imported = copy_into(&mut copy, &mut shard, now);
    assert_eq!((imported.refused, imported.malformed_bytes), (0, 0), "what is exported is imported");
    assert_eq!(imported.peers, Held::of(&mut copy).peers());
    assert!(imported.peers + imported.expired >= held.peers());
    assert!(Held::of(&mut copy).swarms <= held.swarms);
    let last = now.after(PEER_LIFETIME_S_MAX + 10);
    for later_s in [0, 10, 20] {
        shard.expire(at(last.after(later_s)), EXPIRY_WORK);
    }
    assert_eq!(Held::of(&mut shard).peers(), 0, "all peers expire");
}

/// What a shard has, by its figures.
#[derive(Debug, Clone, Copy)]
struct Held {
    swarms: u64,
    seeders: u64,
    leechers: u64,
}

impl Held {
    fn of(shard: &mut Shard) -> Self {
        let statistics = shard.statistics();
        let sum = |gauges: [Gauge; SwarmFamily::ALL.len()]| {
            gauges.map(|gauge| statistics.gauge(gauge)).iter().sum()
        };
        Self { swarms: sum(Gauge::SWARMS), seeders: sum(Gauge::SEEDERS), leechers: sum(Gauge::LEECHERS) }
    }

    const fn peers(&self) -> u64 {
        self.seeders + self.leechers
    }

    fn check_limits(&self, shard: &mut Shard) {
        assert!(self.swarms <= LIMITS.swarms_max && self.peers() <= LIMITS.peers_max, "{self:?}");
        let mut sessions = 0;
        while let Some(event) = shard.take_event() {
            let AccessEvent::Accounts(accounts) = event else { panic!("an import is no completed event") };
            for account in accounts {
                assert!(account.seeding >= 0 && account.leeching >= 0, "{account:?}");
                assert_eq!((account.uploaded, account.downloaded, account.last_seen), (0, 0, None));
                sessions += account.seeding + account.leeching;
            }
        }
        assert!(sessions <= i64::try_from(SESSIONS_MAX).expect("few"), "{sessions} sessions");
    }
}

fn shard(settings: &EngineSettings, seed: u8) -> Shard {
    let seed = TableSeed([seed; 16]);
    let secrets = Secrets {
        connection_ids: ConnectionIdKey([7; 16]),
        steering: SteeringKey::from_random(&[1; SteeringKey::RANDOM_BYTES]),
        swarms: Seeds { tables: seed, choice: 3 },
        access: seed,
        intervals: 4,
    };
    let guard = CoreGuard::new(Arc::new(Guard::new(seed, 1 << 6)), SourceLimits::none());
    Shard::new(settings, &secrets, guard)
}

fn at(now: Second) -> Now {
    Now { monotonic: now, monotonic_ms: u64::from(now.0) * 1000, unix_s: 1_800_000_000 + u64::from(now.0) }
}

fn next_page(input: &mut Bytes<'_>, now: Second) -> Option<(u32, ClockShift, StatePage)> {
    let passed_s = input.byte()?.into();
    // Mostly a few seconds, so that deadlines have not passed.
    let shift_s = i64::from(input.word()?.cast_signed()) >> 6;
    let swarms = input.counted()?.to_vec();
    let sessions = input.counted().unwrap_or_default().to_vec();
    Some((passed_s, ClockShift(shift_s), StatePage { exported: now, swarms, sessions }))
}

/// Exports all that a shard has into another.
fn copy_into(copy: &mut Shard, shard: &mut Shard, now: Second) -> Imported {
    let (mut imported, mut place) = (Imported::default(), Some(ExportPlace::default()));
    while let Some(next) = place {
        let exported = shard.export(at(now), next);
        imported = imported.plus(copy.import(at(now), &exported.page, ClockShift(0)));
        place = exported.next;
    }
    imported
}
