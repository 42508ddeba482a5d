use super::PublishedSlots;
use loom::sync::Arc;
use loom::thread;

/// Two figures are published twice. Whatever a reader sees of each was published, and no older value follows a newer one.
#[test]
fn a_figure_is_one_that_was_published_and_never_decreases() {
    loom::model(|| {
        let published = Arc::new(PublishedSlots::<2>::default());
        let core = thread::spawn({
            let published = Arc::clone(&published);
            move || [[1, 10], [2, 20]].iter().for_each(|values| published.publish(values))
        });
        let (first, second) = (published.load(), published.load());
        core.join().expect("the core publishes");
        let loads = [[0, 0], first, second, published.load()];
        for load in loads {
            assert!([0, 1, 2].contains(&load[0]) && [0, 10, 20].contains(&load[1]), "{load:?}");
        }
        assert!(
            loads.windows(2).all(|pair| pair[0][0] <= pair[1][0] && pair[0][1] <= pair[1][1]),
            "{loads:?}"
        );
        assert_eq!(loads[3], [2, 20]);
    });
}
