use super::load::{Load, key};
use super::scene::{Stored, assert_all_is_stored, launch};
use crate::databases::{Backend, Place, assert_sound, block_on, with_every_backend};
use crate::management::api::Api;
use rustix::process::Signal;
use std::time::Duration;

with_every_backend!(flushed_data_survives_a_kill);

/// Three times: everything is stored, the load continues, and the tracker is killed under it and restarted.
fn flushed_data_survives_a_kill(place: &Place) {
    let mut tracker = launch(&place.url).start();
    let mut load = Load::begin(&tracker);
    for _ in 0..3 {
        load.run_for(Duration::from_millis(300));
        assert_all_is_stored(&tracker, &place.url, &load.sums);
        let flushed = Stored::read(&place.url);
        load.run_for(Duration::from_millis(fastrand::u64(300..2300)));
        tracker.signal(Signal::KILL);
        assert_eq!(tracker.wait().code, None);
        if let Backend::Sqlite = place.backend {
            block_on(assert_sound(&place.url));
        }
        tracker = launch(&place.url).start();
        let stored = Stored::read(&place.url);
        stored.assert_between(&flushed, &Stored::of(&load.sums));
        // Lost changes were never reported as stored, so the sums continue from the stored values.
        let mut sums = load.sums.clone();
        sums.allowed = stored.allowed.clone();
        sums.completed = stored.completed.keys().copied().collect();
        sums.udp_announces = stored.totals["udp_announces_answered"];
        sums.http_announces = stored.totals["http_announces_answered"];
        for (user, account) in stored.accounts.iter().enumerate() {
            assert_eq!(Api::of(&tracker).account(&key(user)), *account);
            sums.accounts[user] = *account;
        }
        sums.completions_reported = stored.totals["completed"];
        load = Load::resume(&tracker, sums);
    }
    assert_eq!(tracker.stop().code, Some(0));
}
