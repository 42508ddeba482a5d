use super::clients::{RecentClients, Windows};
use super::figures::Figures;
use super::history::History;
use super::html::{SECURITY_POLICY, StatisticsHtml};
use crate::lifecycle::StatisticsSnapshot;
use crate::limits::{CLIENT_REPLIES_PER_CORE, RENDERED_OFTEN_S, RENDERED_SELDOM_S};
use crate::time::later;
use core_link::{CoreCommand, CoreHandle, Cores, Reply};
use flate2::Compression;
use flate2::write::GzEncoder;
use metrics::{HttpOutcome, Statistics};
use primitives::{AddressFamily, ClientCounts, CodedPage, StatisticsPages};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// Publishes the statistics every second while there are windows for the client software. It returns when their
/// sender is dropped. `first` is dropped once the cores have been sent the first ones.
pub async fn publish_statistics(
    cores: Cores,
    snapshot: StatisticsSnapshot,
    mut windows: watch::Receiver<Option<Windows>>,
    first: oneshot::Sender<()>,
) {
    let mut first = Some(first);
    let mut seconds = later(Duration::from_secs(1));
    let mut publisher = None;
    let mut serving = Vec::new();
    loop {
        let in_use = *windows.borrow_and_update();
        if let Some(windows) = in_use {
            let new = || StatisticsPublisher::new(cores.clone(), snapshot.clone(), windows);
            let mut next: StatisticsPublisher = publisher.take().unwrap_or_else(new);
            next.clients.use_windows(windows);
            let Some(next) = next.publish_apart().await else { return };
            publisher = Some(next);
            serving = cores.handles().to_vec();
        } else {
            publisher = None;
            serving.retain(|core| !withdraw(core));
        }
        drop(first.take());
        tokio::select! {
            changed = windows.changed() => if changed.is_err() { return },
            _ = seconds.tick(), if !serving.is_empty() => {}
        }
    }
}

/// Makes a core serve no statistics and count no client software. Returns whether it had room for the commands.
fn withdraw(core: &CoreHandle) -> bool {
    core.command(CoreCommand::UseStatistics(None)).is_ok()
        && core.command(CoreCommand::TakeClients(None, Reply::new(drop))).is_ok()
}

/// Renders the statistics and sends them to the cores.
#[derive(Debug)]
struct StatisticsPublisher {
    cores: Cores,
    snapshot: StatisticsSnapshot,
    started: Instant,
    history: History,
    clients: RecentClients,
    /// The client software that the cores have counted.
    replies: (Sender<Counted>, Receiver<Counted>),
    /// Requests for the statistics so far, and when that number last grew.
    requests: (u64, Instant),
    rendered: Option<Instant>,
}

/// What a core has counted; nothing if it had not begun.
type Counted = Option<Box<ClientCounts>>;

impl StatisticsPublisher {
    /// Returns a publisher of the statistics of these cores.
    fn new(cores: Cores, snapshot: StatisticsSnapshot, windows: Windows) -> Self {
        let (now, statistics) = (Instant::now(), snapshot.total());
        Self {
            replies: channel(cores.handles().len() * CLIENT_REPLIES_PER_CORE),
            cores,
            started: now,
            requests: (requests(&statistics), now),
            history: History::new(now, statistics),
            clients: RecentClients::new(windows),
            snapshot,
            rendered: None,
        }
    }

    /// Publishes on another thread: rendering and compressing take milliseconds, in which this one would serve nothing.
    /// Returns nothing if the tracker stops.
    async fn publish_apart(mut self) -> Option<Self> {
        let now = Instant::now();
        let published = spawn_blocking(move || {
            self.publish(now);
            self
        });
        published.await.ok()
    }

    fn publish(&mut self, now: Instant) {
        while let Ok(counted) = self.replies.1.try_recv() {
            if let Some(counted) = counted {
                self.clients.add(now, &counted);
            }
        }
        let statistics = self.snapshot.total();
        self.history.note(now, &statistics);
        let pages = self.is_due(now, &statistics).then(|| Arc::new(self.render(now, &statistics)));
        for core in self.cores.handles() {
            let replies = self.replies.0.clone();
            let reply = Reply::new(move |counted| drop(replies.try_send(counted)));
            // A core that has no room for commands receives those of a later second.
            drop(core.command(CoreCommand::TakeClients(Some(Box::default()), reply)));
            if let Some(pages) = &pages {
                drop(core.command(CoreCommand::UseStatistics(Some(Arc::clone(pages)))));
            }
        }
    }

    /// Returns whether to render the statistics: every second while they are requested, else less often.
    fn is_due(&mut self, now: Instant, statistics: &Statistics) -> bool {
        let requests = requests(statistics);
        if requests != self.requests.0 {
            self.requests = (requests, now);
        }
        let is_requested = now - self.requests.1 < Duration::from_secs(RENDERED_OFTEN_S);
        let seldom = Duration::from_secs(RENDERED_SELDOM_S);
        let is_due = is_requested || self.rendered.is_none_or(|rendered| now - rendered >= seldom);
        if is_due {
            self.rendered = Some(now);
        }
        is_due
    }

    fn render(&self, now: Instant, statistics: &Statistics) -> StatisticsPages {
        let clients = self.clients.clients(now);
        let figures = Figures::new(statistics, self.history.rates(), clients, now - self.started);
        let html = StatisticsHtml { figures: &figures, history: &self.history }.to_string();
        let json = serde_json::to_vec(&figures).expect("names and numbers serialize to JSON");
        StatisticsPages {
            html: coded(html.into_bytes()),
            json: coded(json),
            security_policy: &SECURITY_POLICY,
        }
    }
}

/// Returns the number of requests for the statistics.
fn requests(statistics: &Statistics) -> u64 {
    AddressFamily::ALL.map(|family| statistics.http_outcomes(family, HttpOutcome::Statistics)).iter().sum()
}

fn coded(identity: Vec<u8>) -> CodedPage {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(&identity).and_then(|()| encoder.finish());
    let gzip = written.expect("writing to a vector cannot fail");
    CodedPage { identity: identity.into(), gzip: gzip.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::StatisticsSnapshot;
    use core_link::{CoreEnd, link_cores};
    use metrics::{Gauge, PublishedStatistics};
    use primitives::{ClientTag, CountedClient, PeerId, ShardCount, SwarmFamily};
    use serde_json::Value;
    use tokio::time::{advance, sleep};

    const WINDOWS: Windows =
        Windows { interval: Duration::from_secs(1800), web_rtc_interval: Duration::from_secs(120) };

    /// A core that counts an announce of qBittorrent every second, and keeps the pages that it receives.
    struct TestCore {
        end: CoreEnd,
        published: Arc<PublishedStatistics>,
        statistics: Statistics,
        clients: Option<Box<ClientCounts>>,
        pages: Vec<Arc<StatisticsPages>>,
    }

    impl TestCore {
        fn take_commands(&mut self) {
            while let Some(command) = self.end.next_command() {
                match command {
                    CoreCommand::TakeClients(empty, reply) => {
                        reply.send(std::mem::replace(&mut self.clients, empty));
                    }
                    CoreCommand::UseStatistics(Some(pages)) => self.pages.push(pages),
                    CoreCommand::UseStatistics(None) => self.pages.clear(),
                    // The control plane is gone.
                    CoreCommand::Stop => return,
                    other => panic!("{other:?}"),
                }
            }
            let client =
                CountedClient::new(ClientTag::of(&PeerId(*b"-qB4650-abcdefghijkl")), SwarmFamily::V4);
            if let Some(clients) = &mut self.clients {
                clients.count(client);
            }
            self.published.publish(&self.statistics);
        }

        fn json(&self) -> Value {
            serde_json::from_slice(&self.pages.last().unwrap().json.identity).unwrap()
        }
    }

    fn link() -> (Cores, StatisticsSnapshot, Vec<TestCore>) {
        let (cores, ends) = link_cores(ShardCount::new(2).unwrap(), std::time::Instant::now());
        let published: Vec<Arc<PublishedStatistics>> = ends.iter().map(|_| Arc::default()).collect();
        let snapshot = StatisticsSnapshot::new(published.clone());
        let core = |(end, published)| TestCore {
            end,
            published,
            statistics: Statistics::default(),
            clients: None,
            pages: Vec::new(),
        };
        let test_cores = ends.into_iter().zip(published).map(core).collect();
        (cores, snapshot, test_cores)
    }

    fn start() -> (StatisticsPublisher, Vec<TestCore>) {
        let (cores, snapshot, test_cores) = link();
        (StatisticsPublisher::new(cores, snapshot, WINDOWS), test_cores)
    }

    async fn run(publisher: &mut StatisticsPublisher, cores: &mut [TestCore], seconds: u32) {
        for _ in 0..seconds {
            publisher.publish(Instant::now());
            cores.iter_mut().for_each(TestCore::take_commands);
            advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_core_receives_the_sum_of_all_and_its_clients_are_counted() {
        let (mut publisher, mut cores) = start();
        for (core, seeders) in cores.iter_mut().zip([13, 14]) {
            core.statistics.set(Gauge::SeedersV6, seeders);
            core.statistics.set(Gauge::Torrents, 1);
        }
        run(&mut publisher, &mut cores, 12).await;
        for core in &cores {
            let json = core.json();
            assert_eq!(
                (&json["torrents"], &json["peersIPv6"], &json["peersAll"]),
                (&2.into(), &27.into(), &27.into())
            );
            assert_eq!(json["clients"]["qBittorrent"]["4.6.5"], 2 * 10);
        }
        assert!(Arc::ptr_eq(&cores[0].pages[0], &cores[1].pages[0]), "the bytes are shared");
    }

    #[tokio::test(start_paused = true)]
    async fn a_core_without_room_for_commands_serves_no_statistics_once_it_has_taken_those() {
        let (cores, snapshot, mut test_cores) = link();
        let (windows, in_use) = watch::channel(Some(WINDOWS));
        let (first, until_first) = oneshot::channel();
        tokio::spawn(publish_statistics(cores.clone(), snapshot, in_use, first));
        until_first.await.expect_err("it is dropped");
        test_cores.iter_mut().for_each(TestCore::take_commands);
        let serves = |core: &TestCore| !core.pages.is_empty() && core.clients.is_some();
        assert!(test_cores.iter().all(serves));
        let page = Arc::clone(&test_cores[0].pages[0]);
        while cores.handles()[0].command(CoreCommand::UseStatistics(Some(Arc::clone(&page)))).is_ok() {}
        windows.send_replace(None);
        for (seconds, served) in [(2, [true, false]), (2, [false, false])] {
            sleep(Duration::from_secs(seconds)).await;
            test_cores.iter_mut().for_each(TestCore::take_commands);
            assert_eq!([serves(&test_cores[0]), serves(&test_cores[1])], served);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn statistics_that_are_not_requested_are_rendered_every_ten_seconds() {
        let (mut publisher, mut cores) = start();
        run(&mut publisher, &mut cores, 30).await;
        assert_eq!(cores[0].pages.len(), 30, "at first, someone may wait for them");
        run(&mut publisher, &mut cores, 100).await;
        assert_eq!(cores[0].pages.len(), 30 + 10);
        cores[1].statistics.count_http(AddressFamily::V4, HttpOutcome::Statistics);
        run(&mut publisher, &mut cores, 31).await;
        assert!(cores[0].pages.len() >= 30 + 10 + 29, "{}", cores[0].pages.len());
    }

    #[test]
    fn a_page_and_its_compressed_form_are_the_same() {
        use std::io::Read;
        let CodedPage { identity, gzip } = coded(b"statistics".repeat(1000));
        let mut decoded = Vec::new();
        flate2::read::GzDecoder::new(&*gzip).read_to_end(&mut decoded).unwrap();
        assert!(decoded == *identity && gzip.len() < identity.len() / 10);
    }
}
