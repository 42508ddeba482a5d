//! What a reload changes: which keys differ, and which of them need a restart.

use crate::Configuration;
use crate::declare::{Key, keys};
use crate::values::{Json, as_toml};
use Restart::{Always, Unless};

/// When a change of a key needs a restart.
#[derive(Clone, Copy)]
enum Restart {
    Always,
    /// Unless this holds of the configuration at the start and the new one. The text says so in the configuration file.
    Unless(fn(&Configuration, &Configuration) -> bool, &'static str),
}

/// What something that is off at the start lacks: sockets, tasks, tables of the cores.
const SWITCHED: &str = "A change from or to \"\" takes effect after a restart.";

const WITHOUT_TOKENS: &str = "If there were no tokens at the start, a change takes effect after a restart: the \
                              management API is off then.";

const WITHOUT_KEYS: &str = "Becoming private takes effect after a restart if `database.url` changes too, or the API \
                            is to be switched on.";

const WITH_MODE: &str = "Where `mode` waits for a restart to become private, a change waits with it.";

/// The keys that need a restart. All others take effect at a reload.
const NEEDS_RESTART: &[(&str, &str, Restart)] = &[
    ("workers", "cores", Always),
    ("udp", "listen", Always),
    ("udp", "receive_buffer_bytes", Always),
    ("udp", "send_buffer_bytes", Always),
    ("udp", "batch_datagrams", Always),
    ("udp", "reply_source", Always),
    ("udp", "steering", Always),
    ("http", "listen", Always),
    ("https", "listen", Always),
    ("https", "certificate_file", Unless(is_https_certified, SWITCHED)),
    ("https", "key_file", Unless(is_https_certified, SWITCHED)),
    ("connection_ids", "key_file", Always),
    ("access", "mode", Unless(has_source_of_keys, WITHOUT_KEYS)),
    ("access", "allow_file", Unless(has_source_of_keys, WITH_MODE)),
    ("forwarding", "file", Unless(is_forwarding_on, SWITCHED)),
    ("forwarding", "private_peers", Always),
    ("sources", "sources_max", Always),
    ("limits", "mesh_slots", Always),
    ("database", "url", Always),
    ("database", "start_wait_s", Always),
    ("database", "pending_max", Always),
    ("database", "remember_completed", Always),
    ("snapshot", "directory", Always),
    ("api", "listen", Always),
    ("api", "tokens", Unless(was_api_wanted, WITHOUT_TOKENS)),
    ("api", "tokens_file", Unless(was_api_wanted, WITHOUT_TOKENS)),
    ("api", "certificate_file", Unless(is_api_certified, SWITCHED)),
    ("api", "key_file", Unless(is_api_certified, SWITCHED)),
    ("health_check_api", "listen", Always),
    ("metrics", "listen", Always),
];

fn is_https_certified(started: &Configuration, wanted: &Configuration) -> bool {
    started.https.certificate_file.is_some() && wanted.https.certificate_file.is_some()
}

fn is_forwarding_on(started: &Configuration, wanted: &Configuration) -> bool {
    started.forwarding.file.is_some() && wanted.forwarding.file.is_some()
}

fn is_api_certified(started: &Configuration, wanted: &Configuration) -> bool {
    started.api.certificate_file.is_some() && wanted.api.certificate_file.is_some()
}

/// A tracker that became private before it has the database or the API that its keys come from would refuse everyone.
fn has_source_of_keys(started: &Configuration, wanted: &Configuration) -> bool {
    !wanted.access.mode.is_private()
        || started.database.url == wanted.database.url && (started.api.is_wanted() || !wanted.api.is_wanted())
}

/// Tokens can also be taken away: then all requests are refused.
fn was_api_wanted(started: &Configuration, _: &Configuration) -> bool {
    started.api.is_wanted()
}

fn restart_of(key: Key) -> Option<Restart> {
    let mut table = NEEDS_RESTART.iter();
    table
        .find(|(section, name, _)| (*section, *name) == (key.section, key.name))
        .map(|(.., restart)| *restart)
}

/// Returns the sentence of the configuration file about the restarts that a key needs, if it needs any.
pub(crate) fn restart_note(key: Key) -> Option<&'static str> {
    restart_of(key).map(|restart| match restart {
        Always => "A change takes effect after a restart.",
        Unless(_, note) => note,
    })
}

/// Returns the keys of which some changes take effect at a reload, in the order of the configuration file.
pub fn live_keys() -> impl Iterator<Item = String> {
    keys().filter(|key| !matches!(restart_of(*key), Some(Always))).map(|key| key.to_string())
}

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    AtReload,
    AfterRestart,
}

/// A key whose value differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key, with its section.
    pub key: String,
    pub effect: Effect,
    /// The values as in a file, without secrets.
    pub old: String,
    pub new: String,
}

/// The differences between the running configuration and the one that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub changes: Vec<Change>,
    /// The running configuration with the changes that take effect at a reload.
    pub reloaded: Configuration,
}

/// Compares the running configuration with the one that is wanted, by values and not by what is shown of them. `started`
/// is the configuration at the start.
pub fn difference(started: &Configuration, running: &Configuration, wanted: &Configuration) -> Difference {
    let (old, new) = (running.redacted(), wanted.redacted());
    let mut reloaded = running.clone();
    let mut changes = Vec::new();
    for key in running.changed(wanted) {
        let effect = match restart_of(key) {
            None => Effect::AtReload,
            Some(Unless(is_live, _)) if is_live(started, wanted) => Effect::AtReload,
            Some(_) => Effect::AfterRestart,
        };
        if effect == Effect::AtReload {
            reloaded.take_over(key, wanted);
        }
        let (old, new) = (shown(&old, key), shown(&new, key));
        changes.push(Change { key: key.to_string(), effect, old, new });
    }
    Difference { changes, reloaded }
}

fn shown(redacted: &Json, key: Key) -> String {
    as_toml(&redacted[key.section][key.name])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::load_text;

    /// Returns the keys that change at a reload from one text to another, and those that need a restart.
    fn compared(started: &str, wanted: &str) -> [Vec<String>; 2] {
        let started = load_text(started).unwrap();
        let changes = difference(&started, &started, &load_text(wanted).unwrap()).changes;
        [Effect::AtReload, Effect::AfterRestart].map(|effect| {
            let of_effect = changes.iter().filter(|change| change.effect == effect);
            of_effect.map(|change| change.key.clone()).collect()
        })
    }

    #[test]
    fn the_table_has_only_keys_that_exist_and_each_once() {
        for (index, (section, name, _)) in NEEDS_RESTART.iter().enumerate() {
            assert!(keys().any(|key| (key.section, key.name) == (*section, *name)), "{section}.{name}");
            let later = &NEEDS_RESTART[index + 1..];
            assert!(!later.iter().any(|(other, key, _)| (other, key) == (section, name)), "{section}.{name}");
        }
    }

    #[test]
    fn keys_that_differ_are_named_in_the_order_of_the_file_with_the_effect_of_the_change() {
        let wanted = "log.level = \"warn\"\nudp = { listen = \"[::]:7\", path_mtu_bytes = 1400 }\nlimits.mesh_slots = 4096";
        assert_eq!(
            compared("", wanted),
            [vec!["udp.path_mtu_bytes", "log.level"], vec!["udp.listen", "limits.mesh_slots"]]
        );
        assert_eq!(compared(wanted, wanted), [Vec::<String>::new(), Vec::new()]);
    }

    #[test]
    fn what_is_off_at_the_start_needs_a_restart_and_tokens_can_always_be_taken_away() {
        let file = |name: &str| format!("forwarding.file = \"/{name}\"");
        let token = |token: &str| format!("api.tokens = {{ ops = \"{token}-0123456789abcdef\" }}");
        let tls = |name: &str| format!("api = {{ certificate_file = \"/{name}\", key_file = \"/k\" }}");
        let (none, private) = (String::new(), "access.mode = \"private\"".to_owned());
        let listed = "access = { mode = \"listed\", allow_file = \"/a\" }".to_owned();
        for (started, wanted, key, effect) in [
            (&none, &file("a"), "forwarding.file", 1),
            (&file("a"), &none, "forwarding.file", 1),
            (&file("a"), &file("b"), "forwarding.file", 0),
            (&none, &token("a"), "api.tokens", 1),
            (&token("a"), &none, "api.tokens", 0),
            (&token("a"), &token("b"), "api.tokens", 0),
            (&none, &private, "access.mode", 0),
            (&token("a"), &format!("{private}\n{}", token("b")), "access.mode", 0),
            (&none, &format!("{private}\n{}", token("a")), "access.mode", 1),
            (&none, &format!("{private}\ndatabase.url = \"sqlite:/d\""), "access.mode", 1),
            (&listed, &format!("{private}\ndatabase.url = \"sqlite:/d\""), "access.allow_file", 1),
            (&none, &tls("a"), "api.certificate_file", 1),
            (&tls("a"), &tls("b"), "api.certificate_file", 0),
        ] {
            let keys = compared(started, wanted);
            assert!(keys[effect].iter().any(|changed| changed == key), "{started} -> {wanted}: {keys:?}");
        }
    }

    #[test]
    fn a_change_that_waits_for_a_restart_is_named_again_and_one_that_took_effect_is_not() {
        let started = Configuration::default();
        let wanted = load_text("udp.listen = \"[::]:7\"\nannounce.interval_s = 900").unwrap();
        let first = difference(&started, &started, &wanted);
        assert_eq!(first.changes.len(), 2);
        assert_eq!((first.reloaded.announce.interval_s, first.reloaded.udp.listen.len()), (900, 2));
        let second = difference(&started, &first.reloaded, &wanted);
        let keys: Vec<&str> = second.changes.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["udp.listen"]);
    }

    #[test]
    fn a_secret_that_changes_is_named_and_not_shown() {
        let url = |password| format!("database.url = \"mysql://me:{password}@localhost/db\"");
        let tokens = |token| format!("api.tokens = {{ ops = \"{token}-0123456789abcdef\" }}");
        let [old, new] = ["hunter1", "hunter2"]
            .map(|secret| load_text(&format!("{}\n{}", url(secret), tokens(secret))).unwrap());
        let changes = difference(&old, &old, &new).changes;
        let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["database.url", "api.tokens"]);
        for Change { old, new, .. } in &changes {
            assert!(old == new && old.contains("(secret)") && !old.contains("hunter"), "{old} -> {new}");
        }
    }
}
