//! What a reload would change: the command `check-config --diff`, and the tracker's answer to it.

use crate::running_tracker::RunningTracker;
use crate::source::Source;
use anyhow::{Context, bail};
use config::{Change, Configuration, Difference, Effect, difference};
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, absolute};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::spawn_blocking;

/// The first byte of a request, whose rest is the path of a file.
pub(crate) const DIFF: u8 = b'd';

/// The first byte of a reply: the rest is the changes, or why the file cannot be used.
const CHANGES: u8 = b'=';
const REFUSED: u8 = b'!';

/// Bytes of a reply that are read: old and new value of every key, of which some are long lists.
const REPLY_BYTES_MAX: usize = 4 << 20;

/// The configuration in use, and that of the start.
pub(crate) struct Known {
    pub(crate) source: Source,
    started: Configuration,
    running: Mutex<Arc<Configuration>>,
}

impl Known {
    /// `is_api_served` is false if there is no listener for the management API, whatever the configuration says.
    pub(crate) fn new(source: Source, running: Configuration, is_api_served: bool) -> Self {
        let mut started = running.clone();
        if !is_api_served {
            started.api.listen.clear();
            started.api.certificate_file = None;
        }
        Self { source, started, running: Mutex::new(Arc::new(running)) }
    }

    pub(crate) fn running(&self) -> Arc<Configuration> {
        Arc::clone(&self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_running(&self, configuration: Configuration) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(configuration);
    }

    /// Compares the running configuration with another one.
    pub(crate) fn difference(&self, wanted: &Configuration) -> Difference {
        difference(&self.started, &self.running(), wanted)
    }

    /// Returns the reply about a file: what a reload would change if it were the tracker's file.
    pub(crate) async fn reply(self: Arc<Self>, file: Vec<u8>) -> Vec<u8> {
        let file = Some(std::ffi::OsString::from_vec(file).into());
        let source = Source { file, ..self.source.clone() };
        // A file system may block.
        let read =
            spawn_blocking(move || source.load_and_check()).await.map_err(anyhow::Error::from).flatten();
        let (sign, text) = match read {
            Ok(loaded) => (CHANGES, lines(&self.difference(&loaded.configuration).changes)),
            Err(error) => (REFUSED, format!("{error:#}")),
        };
        [&[sign], text.as_bytes()].concat()
    }
}

fn lines(changes: &[Change]) -> String {
    let mut text = String::new();
    for Change { key, effect, old, new } in changes {
        let note = if *effect == Effect::AfterRestart { " (needs a restart)" } else { "" };
        // Secrets are not shown, so their old and new values may look the same.
        writeln!(text, "{key}: {old} -> {new}{note}").expect("writing to memory does not fail");
    }
    text
}

/// Asks the running tracker what a reload with this file would change. Returns a line for each key.
pub(crate) fn config_diff(file: &Path, process: Option<u32>) -> anyhow::Result<String> {
    let file = absolute(file).with_context(|| format!("{} is no path", file.display()))?;
    let tracker = RunningTracker::find(process)?;
    let reply = tracker.ask(&[&[DIFF], file.as_os_str().as_bytes()].concat(), REPLY_BYTES_MAX)?;
    let (sign, text) = reply.split_first().with_context(|| format!("{tracker} does not answer"))?;
    let text = String::from_utf8_lossy(text).into_owned();
    match *sign {
        CHANGES => Ok(text),
        REFUSED => bail!("{text}"),
        _ => bail!("{tracker} is of a version without reloads of the configuration"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &str, effect: Effect) -> Change {
        Change { key: key.to_owned(), effect, old: "1".to_owned(), new: "2".to_owned() }
    }

    #[test]
    fn tokens_and_certificate_need_a_restart_if_the_api_is_not_served_for_lack_of_tokens() {
        let mut started = Configuration::default();
        started.api.tokens_file = Some("/tokens".into());
        started.api.certificate_file = Some("/old".into());
        let mut wanted = started.clone();
        wanted.api.tokens_file = Some("/other".into());
        wanted.api.certificate_file = Some("/new".into());
        for (is_api_served, effect) in [(true, Effect::AtReload), (false, Effect::AfterRestart)] {
            let known = Known::new(Source::default(), started.clone(), is_api_served);
            let effects: Vec<_> =
                known.difference(&wanted).changes.iter().map(|change| change.effect).collect();
            assert_eq!(effects, [effect; 2]);
        }
    }

    #[test]
    fn each_changed_key_has_a_line_with_both_values_and_whether_it_needs_a_restart() {
        let changes = [change("log.level", Effect::AtReload), change("udp.listen", Effect::AfterRestart)];
        assert_eq!(lines(&changes), "log.level: 1 -> 2\nudp.listen: 1 -> 2 (needs a restart)\n");
        assert_eq!(lines(&[]), "");
    }
}
