use super::*;
use crate::limits::TIMER_MS;

const LIMIT: u32 = 5_000;
const HASHES: [InfoHash; 2] = [InfoHash([1; 20]), InfoHash([2; 20])];

struct Scene {
    flood: Flood,
    now: Instant,
}

impl Scene {
    fn new(wrong_ids_per_s: u32) -> Self {
        let now = Instant::now();
        Self { flood: Flood::new(wrong_ids_per_s, now), now }
    }

    /// Passes some windows in which the same is seen in each second, and the queue is full if `busiest` says for which torrent.
    fn pass(&mut self, windows: u64, wrong_ids_per_s: u64, dropped_per_s: u64, busiest: Option<InfoHash>) {
        let queue_percent = if busiest.is_some() { 100 } else { 10 };
        self.turns(
            windows,
            Seen { wrong_ids: wrong_ids_per_s, dropped: dropped_per_s, queue_percent },
            busiest,
        );
    }

    /// Passes some windows in which the queue is full.
    fn pass_full(&mut self, windows: u64, dropped_per_s: u64, busiest: Option<InfoHash>) {
        self.turns(windows, Seen { wrong_ids: 0, dropped: dropped_per_s, queue_percent: 100 }, busiest);
    }

    fn turns(&mut self, windows: u64, per_s: Seen, busiest: Option<InfoHash>) {
        for _ in 0..windows * FLOOD_WINDOW_MS / TIMER_MS {
            self.now += Duration::from_millis(TIMER_MS);
            let part = |per_s: u64| per_s * TIMER_MS / 1000;
            let seen = Seen { wrong_ids: part(per_s.wrong_ids), dropped: part(per_s.dropped), ..per_s };
            self.flood.turn(self.now, seen, || busiest);
        }
    }

    fn hot(&self) -> Option<(InfoHash, u32)> {
        self.flood.hot().map(|hot| (hot.info_hash, hot.passed))
    }
}

#[test]
fn ids_are_filtered_above_the_limit_only() {
    for (limit, wrong_ids_per_s, is_filtered) in [
        (LIMIT, 4_990, false),
        (LIMIT, 5_000, false),
        (LIMIT, 5_100, true),
        (0, 1_000_000, false),
        (1, 10, true),
    ] {
        let mut scene = Scene::new(limit);
        scene.pass(2, wrong_ids_per_s, 0, None);
        assert_eq!(scene.flood.filters_ids(), is_filtered, "{wrong_ids_per_s} of {limit}");
    }
}

#[test]
fn the_filter_of_ids_ends_when_little_was_wrong_or_dropped_for_five_seconds() {
    let calm = u64::from(CALM_WINDOWS);
    let longest = u64::from(FILTERED_WINDOWS_MAX);
    for (wrong_ids_per_s, dropped_per_s, windows) in [
        (0, 0, calm),
        (1_000, 1_000, calm),
        (0, 2_500, longest),
        (1_500, 1_000, longest),
        (0, 1_000_000, longest),
    ] {
        let mut scene = Scene::new(LIMIT);
        scene.pass(1, 100_000, 0, None);
        scene.pass(windows - 1, wrong_ids_per_s, dropped_per_s, None);
        assert!(scene.flood.filters_ids(), "{wrong_ids_per_s} + {dropped_per_s}");
        scene.pass(1, wrong_ids_per_s, dropped_per_s, None);
        assert!(!scene.flood.filters_ids(), "{wrong_ids_per_s} + {dropped_per_s}");
        scene.pass(1, 100_000, 0, None);
        assert!(scene.flood.filters_ids(), "a flood that lasts is noticed in one window");
    }
    let mut scene = Scene::new(LIMIT);
    scene.pass(1, 100_000, 0, None);
    scene.pass(calm - 1, 0, 0, None);
    scene.pass(1, 0, 100_000, None);
    scene.pass(calm - 1, 0, 0, None);
    assert!(scene.flood.filters_ids(), "a pause of the flood is not its end");
}

#[test]
fn a_hot_torrent_is_limited_until_the_queue_is_no_longer_full() {
    let [hot, _] = HASHES;
    let mut scene = Scene::new(LIMIT);
    scene.pass(1, 0, 1_000, None);
    assert_eq!(scene.hot(), None);
    for passed in [HOT_PASSED_FIRST, HOT_PASSED_FIRST / 2, HOT_PASSED_FIRST / 4] {
        scene.pass(1, 0, 1_000, Some(hot));
        assert_eq!(scene.hot(), Some((hot, passed)));
    }
    scene.pass(1, 0, 1_000, None);
    let (_, passed) = scene.hot().unwrap();
    assert!(passed > HOT_PASSED_FIRST / 4 && passed < HOT_PASSED_FIRST / 3);
    scene.pass(35, 0, 1_000, None);
    assert_eq!(scene.hot(), None, "the whole passes again");
}

#[test]
fn the_share_of_a_hot_torrent_falls_only_while_it_explains_what_is_dropped() {
    let [hot, _] = HASHES;
    for (dropped_per_s, busiest, expected, reason) in [
        (1_000, Some(hot), HOT_PASSED_FIRST / 2, "full, and still the majority"),
        (1_000, None, HOT_PASSED_FIRST / 16 * 17, "full, no longer the majority: the share grows"),
        (0, Some(hot), HOT_PASSED_FIRST, "full, and nothing is dropped"),
    ] {
        let mut scene = Scene::new(LIMIT);
        scene.pass(1, 0, 1_000, Some(hot));
        scene.pass_full(1, dropped_per_s, busiest);
        assert_eq!(scene.hot(), Some((hot, expected)), "{reason}");
    }
    let mut scene = Scene::new(LIMIT);
    scene.pass_full(3, 0, Some(hot));
    assert_eq!(scene.hot(), None, "a full queue that loses nothing");
}

#[test]
fn some_of_a_hot_torrent_always_passes_and_a_hotter_one_takes_its_place() {
    let [first, second] = HASHES;
    let mut scene = Scene::new(LIMIT);
    scene.pass(100, 0, 1_000, Some(first));
    assert_eq!(scene.hot(), Some((first, HOT_PASSED_MIN)));
    scene.pass(1, 0, 1_000, Some(second));
    assert_eq!(scene.hot(), Some((second, HOT_PASSED_FIRST)));
}

#[test]
fn a_torrent_is_not_hot_while_wrong_ids_explain_the_full_queue() {
    let [hot, _] = HASHES;
    let mut scene = Scene::new(LIMIT);
    scene.pass(1, 100_000, 1_000, Some(hot));
    assert!(scene.flood.filters_ids());
    assert_eq!(scene.hot(), None);
    scene.pass(1, 0, 100_000, Some(hot));
    assert_eq!(scene.hot(), Some((hot, HOT_PASSED_FIRST)), "it is still full without them");
}
