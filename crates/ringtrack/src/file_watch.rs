//! Reads files again while the tracker serves.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

/// Seconds between two looks at the files, which are a few kilobytes and change once in weeks.
const LOOK_EVERY_S: u64 = 10;

/// Why files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A reload was requested.
    Reload,
    /// A few seconds have passed.
    Look,
}

/// Reads files at each reload and every few seconds, and passes on their content, whether it has changed or not. `kept`
/// says what happens if they cannot be used, which is logged once and not every ten seconds.
pub(crate) fn watch_files<T: Send + 'static>(
    mut reloads: Receiver<u64>,
    kept: &'static str,
    read: impl Fn() -> anyhow::Result<T> + Send + Sync + 'static,
    mut take_up: impl FnMut(T, Occasion) + Send + 'static,
) {
    let read = Arc::new(read);
    let mut trouble = None;
    tokio::spawn(async move {
        let mut looks = interval(Duration::from_secs(LOOK_EVERY_S));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let occasion = tokio::select! {
                reload = reloads.changed() => {
                    if reload.is_err() {
                        return;
                    }
                    trouble = None;
                    Occasion::Reload
                }
                _ = looks.tick() => Occasion::Look,
            };
            let read = Arc::clone(&read);
            // A file system may block.
            let content = tokio::task::spawn_blocking(move || read()).await;
            match content.map_err(anyhow::Error::from).flatten() {
                Ok(content) => {
                    trouble = None;
                    take_up(content, occasion);
                }
                Err(error) => {
                    let found = Some(format!("{error:#}"));
                    if trouble != found {
                        error!("{kept}: {error:#}");
                        trouble = found;
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::mpsc::unbounded_channel;
    use tokio::sync::watch;

    #[tokio::test(start_paused = true)]
    async fn files_are_read_at_a_reload_and_every_few_seconds_even_after_an_error() {
        let (reloads, reads) = (watch::Sender::new(0), AtomicU64::new(0));
        let read = move || match reads.fetch_add(1, Ordering::Relaxed) {
            2 => bail!("no such file"),
            number => Ok(number),
        };
        let (contents, mut inbox) = unbounded_channel();
        let take_up = move |content, occasion| contents.send((content, occasion)).unwrap();
        watch_files(reloads.subscribe(), "the number stays as it was", read, take_up);
        assert_eq!(inbox.recv().await, Some((0, Occasion::Look)));
        reloads.send_modify(|times| *times += 1);
        assert_eq!(inbox.recv().await, Some((1, Occasion::Reload)));
        assert_eq!(inbox.recv().await, Some((3, Occasion::Look)));
        drop(reloads);
        assert_eq!(inbox.recv().await, None, "without reloads nothing serves");
    }
}
