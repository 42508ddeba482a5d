//! The whole forwarder under tokio's paused clock, between upstream trackers that follow a script and cores that are driven by hand.

mod announces;
mod failures;
mod limits;
mod management;

use super::*;
use crate::info::{FailureKind, UpstreamState};
use crate::upstream::UpstreamFields;
use ::client::Retry;
use core_link::{CoreEnd, CoreTask, link_cores};
use primitives::AnnounceEvent::{self, Completed, Started, Stopped};
use primitives::{CompactIpv4, ExternalCounts, ExternalPeers, InfoHash, Representative, ShardCount};
use std::collections::HashMap;
use std::future::pending;
use std::net::Ipv4Addr;
use std::task::Wake;
use tokio::sync::Notify;
use tokio::time::sleep;

const SEEDER: Representative = Representative { port: 1, uploaded: 10, downloaded: 20, left: 0 };
const LEECHER: Representative = Representative { port: 2, uploaded: 30, downloaded: 40, left: 50 };

/// What an upstream tracker does with an announce.
#[derive(Clone)]
enum Reaction {
    Answer(UpstreamAnswer),
    Fail(TrackerError),
    Hang,
}

/// An announce that arrived at an upstream tracker: its name, the time since the start in seconds, and the announce.
#[derive(Debug, Clone, PartialEq)]
struct Arrival {
    upstream: Arc<str>,
    at_s: f64,
    announce: UpstreamAnnounce,
}

#[derive(Default)]
struct World {
    /// By name of the upstream tracker. Others answer with nothing, and an interval of 30 minutes.
    reactions: Mutex<HashMap<String, Reaction>>,
    arrivals: Mutex<Vec<Arrival>>,
    /// By torrent. Others have a leecher.
    representatives: Mutex<HashMap<InfoHash, Option<Representative>>>,
    questions: Mutex<Vec<InfoHash>>,
    external: Mutex<Vec<ExternalPeers>>,
}

struct Scripted {
    world: Arc<World>,
    name: Arc<str>,
    start: Instant,
}

impl Announces for Scripted {
    fn announce<'a>(
        &'a self,
        announce: &'a UpstreamAnnounce,
    ) -> BoxFuture<'a, Result<UpstreamAnswer, TrackerError>> {
        let (upstream, at_s) = (Arc::clone(&self.name), self.start.elapsed().as_secs_f64());
        lock(&self.world.arrivals).push(Arrival { upstream, at_s, announce: *announce });
        let reaction = lock(&self.world.reactions).get(&*self.name).cloned();
        Box::pin(async move {
            sleep(Duration::from_millis(100)).await;
            match reaction.unwrap_or_else(|| Reaction::Answer(answer(1800, 0, 0))) {
                Reaction::Answer(answer) => Ok(answer),
                Reaction::Fail(error) => Err(error),
                Reaction::Hang => pending().await,
            }
        })
    }
}

/// The waker of a core that a task drives.
#[derive(Default)]
struct Wakes(Notify);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

async fn serve(world: Arc<World>, end: CoreEnd) {
    let wakes = Arc::<Wakes>::default();
    end.notify().set_waker(Arc::clone(&wakes).into());
    loop {
        end.notify().take();
        while let Some(task) = end.next_task() {
            match task {
                CoreTask::Representative(info_hash, reply) => {
                    lock(&world.questions).push(info_hash);
                    let scripted = lock(&world.representatives).get(&info_hash).copied();
                    reply.send(scripted.unwrap_or(Some(LEECHER)));
                }
                CoreTask::UseExternal(peers) => lock(&world.external).push(*peers),
                other => panic!("{other:?} is no task of forwarding"),
            }
        }
        if end.notify().fall_asleep() {
            wakes.0.notified().await;
        }
    }
}

/// A forwarder between cores and upstream trackers.
struct Fixture {
    forwarder: Forwarder,
    world: Arc<World>,
    start: Instant,
}

impl Fixture {
    fn start(names: &[&str]) -> Self {
        Self::start_with(names, settings())
    }

    fn start_with(names: &[&str], settings: ForwarderSettings) -> Self {
        let (cores, ends) = link_cores(ShardCount::new(2).unwrap(), std::time::Instant::now());
        let (world, start) = (Arc::<World>::default(), Instant::now());
        for end in ends {
            tokio::spawn(serve(Arc::clone(&world), end));
        }
        let scripts = Arc::clone(&world);
        let connect = move |upstream: &Upstream, _| -> Arc<dyn Announces> {
            Arc::new(Scripted { world: Arc::clone(&scripts), name: Arc::clone(&upstream.name), start })
        };
        let upstreams = names.iter().map(|name| upstream(name)).collect();
        let forwarder = Forwarder::start_with(cores, settings, upstreams, Box::new(connect));
        Self { forwarder, world, start }
    }

    fn note(&self, changes: impl IntoIterator<Item = SwarmChange>) {
        let owner = ShardId::new(1, ShardCount::new(2).unwrap()).unwrap();
        self.forwarder.note(owner, changes.into_iter().collect());
    }

    /// Lets torrents with these numbers start.
    fn start_torrents(&self, numbers: std::ops::Range<u32>) {
        self.note(numbers.map(|number| SwarmChange::Started(hash(number), SEEDER)));
    }

    fn react(&self, upstream: &str, reaction: Reaction) {
        lock(&self.world.reactions).insert(upstream.to_owned(), reaction);
    }

    /// Returns the announces that arrive in this many seconds.
    async fn arrivals(&self, seconds: u64) -> Vec<Arrival> {
        sleep(Duration::from_secs(seconds)).await;
        std::mem::take(&mut *lock(&self.world.arrivals))
    }

    /// Returns the upstream trackers and events of the announces that arrive in this many seconds, in alphabetical order.
    async fn events(&self, seconds: u64) -> Vec<(String, AnnounceEvent)> {
        let arrivals = self.arrivals(seconds).await;
        let event = |arrival: &Arrival| (arrival.upstream.to_string(), arrival.announce.event);
        let mut events: Vec<_> = arrivals.iter().map(event).collect();
        events.sort_by_key(|(upstream, event)| (upstream.clone(), format!("{event:?}")));
        events
    }

    /// Returns how many torrents are remembered.
    fn torrents(&self) -> usize {
        self.forwarder.schedule().info_hashes_after(None, usize::MAX).len()
    }

    /// Returns the state of the first upstream tracker.
    fn state(&self) -> UpstreamState {
        self.forwarder.upstreams()[0].state
    }

    fn elapsed_s(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

fn settings() -> ForwarderSettings {
    ForwarderSettings {
        timeout: Duration::from_secs(15),
        requests_max: 20,
        rate_per_second_max: NonZeroU32::new(50).unwrap(),
        burst_max: NonZeroU32::new(200).unwrap(),
        waiting_max: 10_000,
        torrents_max: 100_000,
        private_peers: PrivatePeers::Refused,
    }
}

fn upstream(name: &str) -> Upstream {
    let uri = format!("udp://{}.example:6969/announce", name.replace(' ', "-"));
    Upstream::new(&UpstreamFields { uri, name: Some(name.to_owned()), ..UpstreamFields::default() }).unwrap()
}

fn hash(number: u32) -> InfoHash {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

fn answer(interval_s: u32, seeders: u32, leechers: u32) -> UpstreamAnswer {
    UpstreamAnswer { interval_s, counts: ExternalCounts { seeders, leechers }, ..UpstreamAnswer::default() }
}

fn refused(retry: Option<Retry>) -> TrackerError {
    TrackerError::Refused { reason: "not registered".to_owned(), retry }
}

/// Names events as [`Fixture::events`] returns them.
fn named(events: &[(&str, AnnounceEvent)]) -> Vec<(String, AnnounceEvent)> {
    events.iter().map(|&(upstream, event)| (upstream.to_owned(), event)).collect()
}
