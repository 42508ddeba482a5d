use super::load::{Load, key, torrent};
use super::scene::{Stored, launch};
use crate::databases::{Backend, Place, block_on, execute, with_every_backend};
use crate::management::announces::{Announce, Way};
use crate::management::api::Api;
use crate::patience::until;
use primitives::InfoHash;

with_every_backend!(changes_by_hand_apply_after_a_reload);

/// Rows are added and removed in the database while the tracker works.
fn changes_by_hand_apply_after_a_reload(place: &Place) {
    let backend = place.backend;
    let tracker = launch(&place.url).start();
    let api = Api::of(&tracker);
    let mut load = Load::begin(&tracker);
    load.run_until(|_| Stored::read(&place.url).accounts.len() == 6);
    let (extra_key, gone) = (key(77), key(5));
    let (extra, taken_off) = (torrent(9 << 20), torrent(8 << 20));
    api.allow(taken_off).unwrap();
    api.get("whitelist/reload");
    for statement in [
        format!("INSERT INTO torrent_lists (list, info_hash) VALUES (1, {})", literal(backend, extra)),
        format!("DELETE FROM torrent_lists WHERE list = 1 AND info_hash = {}", literal(backend, taken_off)),
        format!(
            "INSERT INTO auth_keys (auth_key, uploaded, downloaded) VALUES ('{}', 55, 5)",
            extra_key.reveal()
        ),
        format!("DELETE FROM auth_keys WHERE auth_key = '{}'", gone.reveal()),
        format!("UPDATE auth_keys SET valid_until = 4000000000 WHERE auth_key = '{}'", key(4).reveal()),
    ] {
        assert_eq!(block_on(execute(place, &statement)), 1, "{statement}");
    }
    // Meanwhile the accounts of all users are written, that of the removed one too.
    let before = Stored::read(&place.url).accounts[0];
    load.run_until(|_| Stored::read(&place.url).accounts[0].0 > before.0 + 10_000);
    api.get("whitelist/reload");
    api.get("keys/reload");
    assert_eq!(api.account(&extra_key), (55, 5));
    assert_eq!(api.ask("GET", &format!("key/{}", gone.reveal()), "").status, 404);
    assert_eq!(api.get(&format!("key/{}", key(4).reveal()))["valid_until"], 4_000_000_000_u64);
    let refused =
        |user, torrent| Announce::of(torrent).with_key(key(user).reveal()).refusal(&tracker, Way::Http);
    assert_eq!(refused(77, extra), None);
    let text = refused(5, extra).unwrap();
    assert!(text.contains("the key is not known"), "{text}");
    // The cores remove unlisted torrents in steps.
    until("it is removed", || refused(0, taken_off).is_some());
    assert_eq!(tracker.stop().code, Some(0));
    let stored = Stored::read(&place.url);
    assert!(stored.allowed.contains(&extra) && !stored.allowed.contains(&taken_off));
    assert_eq!(stored.accounts[..5], load.sums.accounts[..5]);
    assert_eq!(stored.accounts[5..], [(55, 5)]);
}

fn literal(backend: Backend, torrent: InfoHash) -> String {
    match backend {
        Backend::Postgres => format!("'\\x{torrent}'"),
        Backend::Sqlite | Backend::MariaDb => format!("X'{torrent}'"),
    }
}
