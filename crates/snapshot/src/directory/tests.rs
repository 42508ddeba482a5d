use super::*;
use crate::keys::KeyName;
use crate::testing::{SECRETS, TestCores, assert_torn, full_disk, key, page, sessions_page};
use primitives::{AuthenticationKey, KeyId, Second, SessionRecord};
use std::future::poll_fn;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::pin::pin;
use std::task::Poll;
use tokio::task::spawn_blocking;

const UNIX_S: u64 = 1_800_000_000;
const KEPT_S: u64 = 2700;

struct Place {
    parent: tempfile::TempDir,
    directory: Directory,
}

impl Place {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::new(parent.path().join("state/snapshot"));
        Self { parent, directory }
    }

    /// Writes a snapshot of cores with 3 pages each, with the keys 1 and 2, or without any.
    async fn write(&self, shards: usize, with_keys: bool) -> Result<Written, WriteError> {
        self.write_of(&TestCores::start(shards, 3), with_keys).await
    }

    async fn write_of(&self, cores: &TestCores, with_keys: bool) -> Result<Written, WriteError> {
        let described = Described { unix_s: UNIX_S, second: Second(1000), secrets: SECRETS };
        let names = vec![[1, 2].map(|number| KeyName::new(KeyId(number.into()), &key(number))).to_vec()];
        let keys = with_keys.then(|| Box::new(names.into_iter()) as KeyPages);
        self.directory.write(&cores.cores, described, keys).await
    }

    fn found(&self) -> Result<Found, Refused> {
        Ok(self.directory.look(UNIX_S + 60, KEPT_S)?.expect("there is a snapshot"))
    }

    async fn load(&self, cores: &TestCores) -> Result<Loaded, LoadError> {
        self.found()?.load(&target(cores)).await
    }

    async fn refused(&self, cores: &TestCores) -> Option<Refused> {
        match self.load(cores).await {
            Err(LoadError::Refused(refused)) => Some(refused),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Returns these cores as those of a process that knows the key 2.
fn target(cores: &TestCores) -> Target<'_> {
    fn number_of(known: &AuthenticationKey) -> Option<KeyId> {
        (*known == key(2)).then_some(KeyId(20))
    }
    // Readings of one moment, which is not that of the import.
    let (unix_s, second) = (UNIX_S + 60, Second(2000));
    Target { cores: &cores.cores, unix_s, second, steering: &SECRETS.steering, number_of: &number_of }
}

/// Returns the keys of the sessions that each core imported.
fn session_keys(cores: &TestCores) -> Vec<Vec<u8>> {
    let keys = |(page, _): &(primitives::StatePage, i64)| {
        page.sessions.chunks(size_of::<SessionRecord>()).map(|session| session[0]).collect::<Vec<_>>()
    };
    cores.imported().iter().map(|pages| pages.iter().flat_map(keys).collect()).collect()
}

#[tokio::test]
async fn a_snapshot_is_loaded_with_shifted_times_and_only_its_user_can_read_it() {
    let place = Place::new();
    place.write(2, true).await.unwrap();
    assert!(place.found().unwrap().secrets() == &SECRETS);
    let cores = TestCores::start(2, 0);
    let loaded = place.load(&cores).await.unwrap();
    assert_eq!((loaded.imported.swarms, loaded.unknown_sessions), (6, 4));
    for pages in cores.imported() {
        let swarms: Vec<_> = pages.iter().map(|(page, shift)| (page.swarms.clone(), *shift)).collect();
        assert_eq!(swarms, [sessions_page(3), page(1), page(2), page(3)].map(|page| (page.swarms, 940)));
    }
    assert_eq!(session_keys(&cores), [[20], [20]]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.directory.path()), 0o700);
    for name in place.names() {
        assert_eq!(mode(&place.directory.file(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn sessions_are_loaded_once_and_only_from_a_snapshot_with_keys() {
    let place = Place::new();
    place.write(1, true).await.unwrap();
    let (first, second) = (TestCores::start(1, 0), TestCores::start(1, 0));
    place.load(&first).await.unwrap();
    place.load(&second).await.unwrap();
    assert_eq!((session_keys(&first), session_keys(&second)), (vec![vec![20]], vec![vec![]]));
    assert_eq!(second.imported()[0].len(), 4, "the swarms are loaded again");
    place.write(1, false).await.unwrap();
    assert_eq!(place.names(), ["lock", "manifest", "swarms-2-0"]);
    let third = TestCores::start(1, 0);
    assert_eq!(place.load(&third).await.unwrap().unknown_sessions, 0, "none was written");
    assert_eq!(session_keys(&third), [[0; 0]]);
}

#[tokio::test]
async fn keys_are_given_back_once_by_the_process_that_has_used_them() {
    let (place, cores) = (Place::new(), TestCores::start(1, 0));
    place.write(1, true).await.unwrap();
    let (user, other) = (place.found().unwrap(), place.found().unwrap());
    user.load(&target(&cores)).await.unwrap();
    for (gives_back, name) in
        [(&other, "used-keys-1"), (&user, "keys-1"), (&user, "keys-1"), (&other, "keys-1")]
    {
        gives_back.give_back_keys().await;
        assert!(place.names().iter().any(|found| found == name), "{:?}", place.names());
    }
    place.load(&cores).await.unwrap();
    assert_eq!(session_keys(&cores), [[20, 20]]);
}

#[tokio::test]
async fn another_number_of_shards_gets_every_page_in_every_core() {
    for (written, loaded) in [(2, 3), (3, 1)] {
        let place = Place::new();
        place.write(written, false).await.unwrap();
        let cores = TestCores::start(loaded, 0);
        place.load(&cores).await.unwrap();
        assert!(cores.imported().iter().all(|pages| pages.len() == 3 * written));
    }
}

#[tokio::test]
async fn a_later_snapshot_replaces_the_one_before_and_what_a_failed_one_left() {
    let place = Place::new();
    place.write(2, true).await.unwrap();
    assert_eq!(place.names(), ["keys-1", "lock", "manifest", "swarms-1-0", "swarms-1-1"]);
    fs::write(place.directory.file("swarms-7-0"), "left by a crash").unwrap();
    fs::write(place.directory.file("notes.txt"), "of the operator").unwrap();
    place.write(1, false).await.unwrap();
    assert_eq!(place.names(), ["lock", "manifest", "notes.txt", "swarms-2-0"]);
}

#[tokio::test]
async fn a_snapshot_is_refused_if_any_file_is_torn_at_any_byte_flipped_or_missing() {
    let place = Place::new();
    let cores = TestCores::start(2, 0);
    place.write(2, true).await.unwrap();
    for name in ["swarms-1-0", "swarms-1-1", "keys-1"] {
        let path = place.directory.file(name);
        let whole = fs::read(&path).unwrap();
        for bytes in 0..whole.len() {
            fs::write(&path, &whole[..bytes]).unwrap();
            assert_torn(place.refused(&cores).await.as_ref(), name);
        }
        for at in 12..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            fs::write(&path, flipped).unwrap();
            assert_torn(place.refused(&cores).await.as_ref(), name);
        }
        if !name.starts_with(KEYS) {
            fs::remove_file(&path).unwrap();
            assert_torn(place.refused(&cores).await.as_ref(), name);
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(cores.imported(), [[], []], "nothing is imported before all is verified");
    assert!(place.refused(&cores).await.is_none());
}

#[tokio::test]
async fn a_file_of_another_snapshot_is_torn_even_if_it_is_whole() {
    let (place, other, cores) = (Place::new(), Place::new(), TestCores::start(2, 0));
    place.write(2, false).await.unwrap();
    other.write(1, true).await.unwrap();
    fs::copy(other.directory.file("keys-1"), place.directory.file("swarms-1-1")).unwrap();
    assert_torn(place.refused(&cores).await.as_ref(), "swarms-1-1");
}

#[tokio::test]
async fn a_refused_snapshot_is_kept_until_the_next_one() {
    let place = Place::new();
    for shards in [2, 1] {
        place.write(shards, false).await.unwrap();
        let aside = place.directory.set_aside(|| true).unwrap();
        assert!(place.directory.look(UNIX_S, KEPT_S).unwrap().is_none());
        assert_eq!(fs::read_dir(aside).unwrap().count(), 1 + shards);
    }
    assert_eq!(place.names(), ["lock", "refused"]);
}

#[tokio::test]
async fn a_snapshot_that_has_taken_the_place_of_a_refused_one_is_not_set_aside() {
    let place = Place::new();
    place.write(1, false).await.unwrap();
    let (refused, stale) = (place.found().unwrap(), Refused::Stale { age_s: 1, kept_s: 0 });
    place.write(1, false).await.unwrap();
    refused.refuse(&stale);
    assert_eq!(place.names(), ["lock", "manifest", "swarms-2-0"]);
    place.found().unwrap().refuse(&stale);
    assert_eq!(place.names(), ["lock", "refused"]);
}

#[tokio::test]
async fn without_a_directory_there_is_no_snapshot_and_one_that_cannot_be_read_is_no_panic() {
    let place = Place::new();
    assert!(place.directory.look(UNIX_S, KEPT_S).unwrap().is_none());
    fs::create_dir_all(place.directory.file(MANIFEST)).unwrap();
    let refused = place.directory.look(UNIX_S, KEPT_S).err();
    assert!(matches!(refused, Some(Refused::Unreadable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_directory_in_which_nothing_can_be_written_leaves_the_snapshot_before() {
    let place = Place::new();
    place.write(1, true).await.unwrap();
    let before = fs::read(place.directory.file(MANIFEST)).unwrap();
    // A directory in the place of the file that would be created.
    fs::create_dir(place.directory.file(NEW_MANIFEST)).unwrap();
    assert!(matches!(place.write(1, true).await, Err(WriteError::File(_))));
    fs::remove_dir(place.directory.file(NEW_MANIFEST)).unwrap();
    assert_eq!(place.names(), ["keys-1", "lock", "manifest", "swarms-1-0"]);
    assert_eq!(fs::read(place.directory.file(MANIFEST)).unwrap(), before);
}

#[tokio::test]
async fn a_directory_that_another_process_has_locked_stays_as_it_is() {
    let (place, cores) = (Place::new(), TestCores::start(1, 0));
    place.write(1, true).await.unwrap();
    let before = fs::read(place.directory.file(MANIFEST)).unwrap();
    let lock = File::open(place.directory.file(LOCK)).unwrap();
    lock.lock().unwrap();
    let directory = place.directory.clone();
    let set_aside = spawn_blocking(move || directory.set_aside(|| true));
    let (written, aside, loaded) = tokio::join!(place.write(1, true), set_aside, place.load(&cores));
    assert!(matches!(written, Err(WriteError::Locked)));
    assert!(matches!(aside.unwrap(), Err(WriteError::Locked)));
    assert_eq!(loaded.unwrap().unknown_sessions, 2, "its use can be noted");
    assert_eq!(place.names(), ["lock", "manifest", "swarms-1-0", "used-keys-1"]);
    assert_eq!(fs::read(place.directory.file(MANIFEST)).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_loaded_once_even_if_a_core_is_lost() {
    let place = Place::new();
    place.write(2, true).await.unwrap();
    let (first, second) = (TestCores::start(2, 0), TestCores::start(2, 0));
    first.lose(1);
    assert!(matches!(place.load(&first).await, Err(LoadError::Core(_))));
    assert!(place.directory.file("used-keys-1").exists());
    place.load(&second).await.unwrap();
    assert_eq!(session_keys(&second), [[0; 0], [0; 0]]);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_fails_leaves_no_file_of_its_own_or_of_a_crash() {
    let place = Place::new();
    place.write(1, true).await.unwrap();
    fs::write(place.directory.file("swarms-7-0"), "left by a crash").unwrap();
    let cores = TestCores::start(1, 3);
    cores.lose(0);
    assert!(matches!(place.write_of(&cores, true).await, Err(WriteError::Export(_))));
    assert_eq!(place.names(), ["keys-1", "lock", "manifest", "swarms-1-0"]);
}

#[tokio::test]
async fn files_that_the_manifest_names_or_may_name_are_not_removed() {
    for (manifest, kept) in [(None, 2), (Some(""), 3), (Some("of another program"), 3)] {
        let place = Place::new();
        place.write(2, false).await.unwrap();
        fs::write(place.directory.file("swarms-7-0"), "left by a crash").unwrap();
        if let Some(text) = manifest {
            fs::write(place.directory.file(MANIFEST), text).unwrap();
        }
        place.directory.clean();
        assert_eq!(place.directory.generations().unwrap().len(), kept, "{manifest:?}");
    }
}

#[tokio::test]
async fn a_directory_to_which_others_can_write_is_not_used() {
    let place = Place::new();
    place.write(1, false).await.unwrap();
    for (mode, is_used) in [(0o700, true), (0o755, true), (0o720, false), (0o702, false), (0o777, false)] {
        fs::set_permissions(place.directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(place.write(1, false).await.is_ok(), is_used, "{mode:o}");
        assert_eq!(place.found().is_ok(), is_used, "{mode:o}");
    }
}

#[tokio::test]
async fn no_link_is_followed() {
    for (name, is_written) in [(LOCK, false), (NEW_MANIFEST, true)] {
        let place = Place::new();
        let other = place.parent.path().join("other");
        fs::write(&other, "of another program").unwrap();
        create_directory(place.directory.path()).unwrap();
        symlink(&other, place.directory.file(name)).unwrap();
        assert_eq!(place.write(1, true).await.is_ok(), is_written, "{name}");
        assert_eq!(fs::read_to_string(other).unwrap(), "of another program", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_ends_at_its_deadline_even_if_each_step_is_fast_enough() {
    let place = Place::new();
    let (cores, begun) = (TestCores::start(1, 0), tokio::time::Instant::now());
    place.write_of(&TestCores::start(1, 50), true).await.unwrap();
    cores.slow_down(Duration::from_secs(14));
    let error = place.load(&cores).await.unwrap_err();
    assert_eq!(error.to_string(), "it takes more than 300 s");
    assert!((300..310).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!((15..=22).contains(&cores.imported()[0].len()), "{}", cores.imported()[0].len());
}

/// Polls until a result is there, or this many polls had none.
async fn poll_at_most<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut polls) = (pin!(work), polls);
    poll_fn(|context| {
        let polled = work.as_mut().poll(context).map(Some);
        polls -= 1;
        if polled.is_pending() && polls == 0 { Poll::Ready(None) } else { polled }
    })
    .await
}

#[tokio::test]
async fn a_snapshot_that_is_given_up_at_any_time_does_not_harm_the_next_one() {
    let place = Place::new();
    for polls in 1.. {
        let given_up = poll_at_most(polls, place.write(2, true)).await.is_none();
        place.write(1, true).await.unwrap();
        assert!(place.refused(&TestCores::start(1, 0)).await.is_none(), "{polls}");
        if !given_up {
            break;
        }
    }
}

#[tokio::test]
async fn sessions_are_not_loaded_where_that_cannot_be_noted() {
    let place = Place::new();
    place.write(1, true).await.unwrap();
    fs::create_dir(place.directory.file("used-keys-1")).unwrap();
    let cores = TestCores::start(1, 0);
    assert_eq!(place.load(&cores).await.unwrap().unknown_sessions, 3);
    assert_eq!(session_keys(&cores), [[0; 0]]);
}

#[test]
fn a_full_disk_is_named() {
    let error = WriteError::from(crate::ExportError::from(full_disk()));
    assert_eq!(error.to_string(), full_disk().to_string());
}
