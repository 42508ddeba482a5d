use super::*;
use loom::sync::Arc;
use loom::thread;

/// A source with one prefix that has these counters.
fn source(places: [u16; 2]) -> Counters {
    let mut counters = Counters { of_levels: [[0; 2]; LEVELS_MAX], used: 1 };
    counters.of_levels[0] = places;
    counters
}

/// Examines two cores that open a connection each, of sources that may have one, and passes how many are opened to `check`.
fn open_two(sources: [[u16; 2]; 2], check: impl Fn(usize) + Send + Sync + 'static) {
    loom::model(move || {
        let counts =
            Arc::new(ConnectionCounts { rows: [0, 1].map(|_| (0..2).map(|_| AtomicU32::new(0)).collect()) });
        let maxima = [1; LEVELS_MAX];
        let other = thread::spawn({
            let counts = Arc::clone(&counts);
            move || counts.open(source(sources[1]), maxima)
        });
        let opened = [counts.open(source(sources[0]), maxima), other.join().expect("a core ends")];
        let opened: Vec<_> = opened.into_iter().flatten().collect();
        check(opened.len());
        opened.into_iter().for_each(|connection| counts.close(connection));
        for counter in counts.rows.iter().flatten() {
            assert_eq!(counter.load(Relaxed), 0, "every connection is closed");
        }
    });
}

#[test]
fn of_two_connections_at_once_the_limit_admits_one() {
    open_two([[0, 1]; 2], |opened| assert_eq!(opened, 1));
}

#[test]
fn two_prefixes_that_share_one_counter_have_a_connection_each() {
    for other in [[0, 1], [1, 0]] {
        open_two([[0, 0], other], |opened| assert_eq!(opened, 2));
    }
}
