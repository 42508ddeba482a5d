use crate::limits::{COMMANDS_MAX, EVENTS_PER_CORE_MAX, TASKS_MAX};
use crate::messages::{CoreCommand, CoreEvent, CoreTask};
use crate::notify::Notify;
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use primitives::{Second, ShardCount, ShardId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The control plane's link to one core.
#[derive(Debug, Clone)]
pub struct CoreHandle {
    shard: ShardId,
    commands: Sender<CoreCommand>,
    tasks: Sender<CoreTask>,
    notify: Arc<Notify>,
}

/// The control plane's links to all cores. Each event reaches only one of the clones.
#[derive(Debug, Clone)]
pub struct Cores {
    handles: Vec<CoreHandle>,
    events: Receiver<CoreEvent>,
    /// The instant from which the cores count seconds.
    start: Instant,
}

/// A core's end of its link.
#[derive(Debug)]
pub struct CoreEnd {
    commands: Receiver<CoreCommand>,
    tasks: Receiver<CoreTask>,
    events: Sender<CoreEvent>,
    notify: Arc<Notify>,
}

/// Creates the links of all cores, whose ends are in the order of the shards. The cores count seconds from `start`.
#[must_use]
pub fn link_cores(shards: ShardCount, start: Instant) -> (Cores, Vec<CoreEnd>) {
    let (event_outbox, events) = bounded(EVENTS_PER_CORE_MAX * usize::from(shards.get()));
    let link = |shard| {
        let (commands, command_inbox) = bounded(COMMANDS_MAX);
        let (tasks, task_inbox) = bounded(TASKS_MAX);
        let (notify, events) = (Arc::<Notify>::default(), event_outbox.clone());
        let end = CoreEnd { commands: command_inbox, tasks: task_inbox, events, notify: Arc::clone(&notify) };
        (CoreHandle { shard, commands, tasks, notify }, end)
    };
    let (handles, ends) = shards.shards().map(link).unzip();
    (Cores { handles, events, start }, ends)
}

impl CoreHandle {
    /// Returns the core's shard.
    #[must_use]
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// Sends a command.
    ///
    /// # Errors
    /// Returns the command if too many wait, and also if the worker has exited.
    pub fn command(&self, command: CoreCommand) -> Result<(), CoreCommand> {
        self.commands.try_send(command).map_err(TrySendError::into_inner)
    }

    /// Sends a task.
    ///
    /// # Errors
    /// Returns the task if too many wait, and also if the worker has exited, which the sender notices by its deadline.
    pub fn submit(&self, task: CoreTask) -> Result<(), CoreTask> {
        self.tasks.try_send(task).map_err(TrySendError::into_inner)?;
        self.notify.notify();
        Ok(())
    }

    /// Returns how the core is notified of messages that other cores send.
    #[must_use]
    pub fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.notify)
    }
}

impl Cores {
    /// Returns the links to the cores, in the order of the shards.
    #[must_use]
    pub fn handles(&self) -> &[CoreHandle] {
        &self.handles
    }

    /// Asks all cores to answer the requests that have arrived and exit. A core that accepts no commands is noticed by
    /// the deadline.
    pub fn request_stop(&self) {
        self.request_drain();
        self.request_end();
    }

    /// Asks all cores to answer the requests that have arrived, and then only to do tasks.
    pub fn request_drain(&self) {
        for core in &self.handles {
            drop(core.command(CoreCommand::Stop));
        }
    }

    /// Asks all cores to exit, after they have stopped. Tasks that they have not finished are dropped.
    pub fn request_end(&self) {
        for core in &self.handles {
            drop(core.command(CoreCommand::End));
        }
    }

    /// Returns the next event, if there is one.
    #[must_use]
    pub fn next_event(&self) -> Option<CoreEvent> {
        self.events.try_recv().ok()
    }

    /// Blocks the thread for at most this long until there is an event.
    #[must_use]
    pub fn wait_for_event(&self, longest: Duration) -> Option<CoreEvent> {
        self.events.recv_timeout(longest).ok()
    }

    /// Returns the current second on the cores' clock.
    #[must_use]
    pub fn now(&self) -> Second {
        #[expect(clippy::cast_possible_truncation, reason = "136 years of uptime")]
        Second(self.start.elapsed().as_secs() as u32)
    }
}

impl CoreEnd {
    /// Returns how the core is notified of tasks, and of messages from other cores.
    #[must_use]
    pub fn notify(&self) -> &Notify {
        &self.notify
    }

    /// Returns the next command, if there is one. Without a control plane, it is to end.
    #[must_use]
    pub fn next_command(&self) -> Option<CoreCommand> {
        match self.commands.try_recv() {
            Ok(command) => Some(command),
            Err(TryRecvError::Disconnected) => Some(CoreCommand::End),
            Err(TryRecvError::Empty) => None,
        }
    }

    /// Whether a task waits.
    #[must_use]
    pub fn has_task(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Returns the number of tasks that wait.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Returns the next task, if there is one.
    #[must_use]
    pub fn next_task(&self) -> Option<CoreTask> {
        self.tasks.try_recv().ok()
    }

    /// Reports that the worker has started.
    pub fn report_ready(&self) {
        // The control plane takes these events first; if it is gone, the tracker is ending.
        drop(self.events.try_send(CoreEvent::Ready));
    }

    /// Reports what the core recorded. Without a control plane, nothing is reported.
    ///
    /// # Errors
    /// Returns the event if too many wait, to be merged into a later one.
    pub fn report(&self, event: CoreEvent) -> Result<(), CoreEvent> {
        match self.events.try_send(event) {
            Err(TrySendError::Full(event)) => Err(event),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply;
    use access::AccessEvent;
    use primitives::InfoHash;

    #[test]
    fn a_stop_neither_waits_for_tasks_nor_needs_a_control_plane() {
        let (cores, ends) = link_cores(ShardCount::ONE, Instant::now());
        let submit = || cores.handles()[0].submit(CoreTask::Drop(InfoHash([1; 20]), Reply::new(drop)));
        assert_eq!((0..).take_while(|_| submit().is_ok()).count(), TASKS_MAX);
        assert!(matches!(submit(), Err(CoreTask::Drop(..))), "a refused task is returned");
        cores.request_stop();
        assert!(matches!(ends[0].next_command(), Some(CoreCommand::Stop)));
        assert!(matches!(ends[0].next_command(), Some(CoreCommand::End)));
        assert!(ends[0].next_command().is_none());
        drop(cores);
        assert!(matches!(ends[0].next_command(), Some(CoreCommand::End)));
    }

    #[test]
    fn an_event_for_which_there_is_no_room_is_returned() {
        let (cores, ends) = link_cores(ShardCount::ONE, Instant::now());
        let event = |count| CoreEvent::Access(AccessEvent::Completed(vec![(InfoHash([1; 20]), count)]));
        let refused = (0..).find_map(|count| ends[0].report(event(count)).err());
        assert_eq!(refused, Some(event(EVENTS_PER_CORE_MAX as u64)));
        assert_eq!(std::iter::from_fn(|| cores.next_event()).count(), EVENTS_PER_CORE_MAX);
    }
}
