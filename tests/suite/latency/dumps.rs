//! The content of the dumps: every reply once, under its kind and family, with a plausible latency.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use primitives::InfoHash;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use zerocopy::IntoBytes;

use super::reader::{Interval, Intervals, dump_by_signal};
use crate::cores::two_cores;
use crate::patience::{PATIENCE, wait_for};
use crate::tracker::{Launch, Tracker};
use crate::udp_client::{Answer, Client};

const ANNOUNCES: u64 = 300;

fn torrent(number: u64) -> InfoHash {
    let mut random = fastrand::Rng::with_seed(number);
    InfoHash(std::array::from_fn(|_| random.u8(..)))
}

/// A launch without kernel time stamps, so that there are only the tags that a test causes.
fn launch() -> Launch {
    Launch::on_loopback().set("latency.kernel_sample_every_s", "0")
}

fn announce_times(client: &Client, times: u64) {
    let requests: Vec<_> = (0..times).map(|number| client.leecher(torrent(number), 1001)).collect();
    assert_eq!(client.announce_all(&requests).len() as u64, times);
}

/// One connect, `ANNOUNCES` announces, two scrapes and one error.
fn ask_everything(tracker: SocketAddr) {
    let stranger = Client::unconnected(tracker);
    stranger.send(stranger.leecher(torrent(0), 1001).as_bytes());
    assert!(matches!(stranger.receive(), (0, Answer::Error(_))));
    let client = Client::new(tracker);
    announce_times(&client, ANNOUNCES);
    let torrents: Vec<InfoHash> = (0..8).map(torrent).collect();
    client.scrape(&torrents[..1]);
    client.scrape(&torrents);
}

#[track_caller]
fn assert_has_everything(intervals: &Intervals) {
    for family in ["ipv4", "ipv6"] {
        let wanted = [("connect", 1), ("announce", ANNOUNCES), ("scrape", 2), ("error", 1)];
        for (kind, count) in wanted {
            assert_eq!(intervals.count(&format!("{kind}-{family}")), count, "{kind}-{family}");
        }
    }
}

/// Asserts that an interval lies within the test and that its latencies are plausible.
fn assert_plausible(interval: &Interval, start: SystemTime) {
    let unix_ms =
        |moment: SystemTime| moment.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3;
    let (start_ms, now_ms) = (unix_ms(start), unix_ms(SystemTime::now()));
    let Interval { from_unix_ms, to_unix_ms, .. } = *interval;
    // The log contains milliseconds.
    assert!(
        start_ms - 1.0 < from_unix_ms && to_unix_ms < now_ms + 2.0,
        "{interval:?}, {start_ms} to {now_ms}"
    );
    assert!(from_unix_ms < to_unix_ms, "{interval:?}");
    let patience_ns = PATIENCE.as_nanos().try_into().expect("seconds");
    assert!(interval.min_ns <= interval.p50_ns && interval.p50_ns <= interval.max_ns, "{interval:?}");
    assert!(0 < interval.min_ns && interval.max_ns < patience_ns, "{interval:?}");
}

#[test]
fn sigusr1_dumps_each_reply_once_under_its_kind_and_family() {
    let start = SystemTime::now();
    let tracker = launch().start();
    ask_everything(tracker.v4());
    ask_everything(tracker.v6());
    dump_by_signal(&tracker);
    let intervals = Intervals::of_run(&tracker);
    assert_has_everything(&intervals);
    assert_eq!(intervals.with_tag("announce-ipv4").len(), 1, "one line for all cores");
    assert!(intervals.count("expiry-turn") > 0);
    assert_eq!(intervals.0.len(), 9, "{:#?}", intervals.0);
    intervals.0.iter().for_each(|interval| assert_plausible(interval, start));
}

#[test]
fn a_dump_is_logged_as_a_table_of_percentiles() {
    let tracker = launch().start();
    announce_times(&Client::new(tracker.v6()), ANNOUNCES);
    dump_by_signal(&tracker);
    let log = tracker.log();
    let rows: Vec<Vec<&str>> = log
        .iter()
        .filter_map(|line| Some(line.split_once(" latency: ")?.1.split_whitespace().collect()))
        .collect();
    let titles = ["tag", "count", "p50_us", "p90_us", "p99_us", "p99.9_us", "max_us"];
    assert!(rows.iter().any(|row| row[..] == titles), "{rows:#?}");
    let row = rows.iter().find(|row| row[0] == "announce-ipv6").expect("a row for the announces");
    assert_eq!((row.len(), row[1]), (titles.len(), ANNOUNCES.to_string().as_str()));
}

#[test]
fn a_dump_contains_the_replies_since_the_last_one() {
    let tracker = launch().start();
    let client = Client::new(tracker.v4());
    let counts = [5, 1, 9];
    for count in counts {
        announce_times(&client, count);
        dump_by_signal(&tracker);
    }
    let intervals = Intervals::of_run(&tracker);
    let announces = intervals.with_tag("announce-ipv4");
    assert_eq!(announces.iter().map(|interval| interval.count).collect::<Vec<_>>(), counts);
    for pair in announces.windows(2) {
        let apart_ms = (pair[0].to_unix_ms - pair[1].from_unix_ms).abs();
        assert!(apart_ms < 2.0, "an interval begins where the last one ended: {pair:?}");
    }
}

#[test]
fn with_an_interval_dumps_are_written_regularly_and_once_more_at_the_end() {
    let tracker = launch().set("latency.interval_s", "1").start();
    ask_everything(tracker.v4());
    let dumps = |lines: &[String]| lines.iter().filter(|line| line.contains("latency: dumped to ")).count();
    tracker.wait_for_log("two dumps", |lines| (dumps(lines) >= 2).then_some(()));
    ask_everything(tracker.v6());
    tracker.signal(Signal::TERM);
    tracker.wait_for_log("the end", |lines| lines.last()?.ends_with(" stopped").then_some(()));
    let intervals = Intervals::of_run(&tracker);
    assert_has_everything(&intervals);
    assert!(intervals.with_tag("expiry-turn").len() > 2, "each interval has turns of expiry");
}

/// Announces over both families and dumps, until some replies were timed from kernel time stamps.
fn wait_for_kernel_stamps(tracker: &Tracker) -> Intervals {
    let (v4, v6) = (Client::new(tracker.v4()), Client::new(tracker.v6()));
    wait_for(|| {
        announce_times(&v4, ANNOUNCES);
        announce_times(&v6, ANNOUNCES);
        dump_by_signal(tracker);
        let intervals = Intervals::of_run(tracker);
        let has = |family: &&str| intervals.count(&format!("kernel-announce-{family}")) > 0;
        if ["ipv4", "ipv6"].iter().all(has) { Ok(intervals) } else { Err(format!("{:#?}", intervals.0)) }
    })
}

#[test]
fn some_replies_are_timed_from_kernel_time_stamps_too() {
    let start = SystemTime::now();
    // On wildcard addresses, datagrams carry packet info beside the time stamps.
    for launch in [Launch::on_loopback(), Launch::on_wildcards()] {
        let tracker = launch.set("latency.kernel_sample_every_s", "1").start();
        let intervals = wait_for_kernel_stamps(&tracker);
        for family in ["ipv4", "ipv6"] {
            let stamped = intervals.count(&format!("kernel-announce-{family}"));
            assert!(stamped < intervals.count(&format!("announce-{family}")), "{stamped} are stamped");
        }
        intervals.0.iter().for_each(|interval| assert_plausible(interval, start));
    }
}

#[test]
fn replies_to_requests_passed_between_cores_are_counted_once() {
    const CLIENTS: u64 = 16;
    let [first, second] = two_cores();
    let launch = launch().set("workers.cores", &format!("[{first}, {second}]"));
    let tracker = launch.set("udp.steering", "off").start();
    for address in [tracker.v4(), tracker.v6()] {
        for _ in 0..CLIENTS {
            let client = Client::new(address);
            announce_times(&client, ANNOUNCES);
            client.scrape(&(0..16).map(torrent).collect::<Vec<_>>());
        }
    }
    dump_by_signal(&tracker);
    let intervals = Intervals::of_run(&tracker);
    let figures = tracker.stop().figures();
    for family in ["v4", "v6"] {
        let wanted = [("connect", CLIENTS), ("announce", CLIENTS * ANNOUNCES), ("scrape", CLIENTS)];
        for (kind, count) in wanted {
            assert_eq!(intervals.count(&format!("{kind}-ip{family}")), count, "{kind}-ip{family}");
            assert_eq!(figures.get(&format!("udp_{family}_{kind}_answered")), count);
        }
    }
    assert!(figures.get("announces_on_wrong_core") > 0 && figures.get("scrapes_routed") > 0);
}

#[test]
fn an_unwritable_directory_is_only_an_error_in_the_log() {
    let tracker = launch().set("latency.directory", "/nonexistent/ringtrack").start();
    tracker.signal(Signal::USR1);
    tracker.wait_for_log("an error", |lines| {
        let is_error = |line: &String| {
            line.contains("ERROR") && line.contains("could not be dumped to /nonexistent/ringtrack/")
        };
        lines.iter().any(is_error).then_some(())
    });
    Client::new(tracker.v4());
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn a_hanging_file_system_does_not_keep_the_tracker_from_stopping() {
    let tracker = launch().start();
    dump_by_signal(&tracker);
    let log = super::reader::only_file_in(tracker.dumps());
    std::fs::remove_file(&log).expect("the log is removed");
    // Opening a pipe without a reader blocks forever.
    mknodat(CWD, &log, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    tracker.signal(Signal::USR1);
    let tables =
        |lines: &[String]| lines.iter().filter(|line| line.contains(" latency: of the last ")).count();
    tracker.wait_for_log("a second dump", |lines| (tables(lines) == 2).then_some(()));
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
}

#[test]
fn by_default_dumps_go_to_the_logs_directory_of_the_service_manager() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path of plain text");
    let launch = launch().set("latency.directory", "");
    let tracker = launch.env("LOGS_DIRECTORY", &format!("{path}:/nonexistent")).start();
    dump_by_signal(&tracker);
    let name = format!("ringtrack-latency-{}-", tracker.id());
    let log = super::reader::only_file_in(folder.path());
    assert!(log.file_name().is_some_and(|log| log.to_string_lossy().starts_with(&name)), "{}", log.display());
}
