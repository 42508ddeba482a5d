use crate::limits::SUPERVISION_MS;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use tokio::time::interval;

/// The first panic of the process, on whichever thread or task: the tracker cannot continue without any of them.
#[derive(Debug, Clone, Default)]
pub struct FirstPanic(Arc<OnceLock<String>>);

impl FirstPanic {
    /// Notes panics from this call on. They are reported to the standard error output as before.
    #[must_use]
    pub fn watch() -> Self {
        let (first, report) = (Self::default(), take_hook());
        set_hook(Box::new({
            let first = first.clone();
            move |panic| {
                report(panic);
                first.note(describe(panic));
            }
        }));
        first
    }

    /// Returns where the panic occurred, and its message.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Waits for a panic.
    pub async fn occurs(&self) {
        let mut watch = interval(Duration::from_millis(SUPERVISION_MS));
        while self.description().is_none() {
            watch.tick().await;
        }
    }

    pub(crate) fn note(&self, description: String) {
        // A later panic is most often a consequence of the first.
        let _first_one_stays = self.0.set(description);
    }
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message").replace('\n', " ");
    format!("the thread {} panicked at {place}: {message}", thread.name().unwrap_or("without a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(kind: &str) {
        panic!("the {kind} fails");
    }

    /// The hook is of the whole process, so that this is one test.
    #[tokio::test]
    async fn the_first_panic_is_noted_whichever_thread_or_task_it_ends() {
        for kind in ["thread", "task", "blocking"] {
            let first = FirstPanic::watch();
            assert_eq!(first.description(), None);
            let fails = move || fail(kind);
            let has_panicked = match kind {
                "thread" => thread::spawn(fails).join().is_err(),
                "task" => tokio::spawn(async move { fails() }).await.is_err(),
                _ => tokio::task::spawn_blocking(fails).await.is_err(),
            };
            assert!(has_panicked);
            first.occurs().await;
            assert!(thread::spawn(|| fail("later one")).join().is_err());
            let description = first.description().expect("it has occurred");
            assert!(description.starts_with("the thread "), "{description}");
            let end = format!(": the {kind} fails");
            assert!(description.contains(" panicked at ") && description.ends_with(&end), "{description}");
        }
    }
}
