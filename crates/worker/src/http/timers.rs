use super::end::{End, WaitsFor};
use super::http_server::HttpServer;
use super::limits::TIMER_TURNS_PER_ROUND;
use engine::{Engine, Now};

impl HttpServer {
    /// Closes what is late, in a part of the connections at a time: all are looked at within [`TIMER_TURNS_PER_ROUND`]
    /// turns. Called at each turn of the core's timer.
    pub(crate) fn sweep(&mut self, now: Now, engine: &mut Engine) {
        self.resume_accepting();
        self.stop_waiting_for_owners(now);
        let places = self.slots.places();
        for _ in 0..places.div_ceil(TIMER_TURNS_PER_ROUND) {
            let slot = if self.swept < places { self.swept } else { 0 };
            self.swept = slot + 1;
            let Some((key, connection)) = self.slots.at(slot) else { continue };
            let deadline = connection.deadline;
            if deadline.has_passed(now.monotonic) && deadline.waits_for != WaitsFor::OwnerBusy {
                self.end(key, End::Late(deadline.waits_for), engine);
            }
        }
    }

    /// Has requests answered that have waited for their owner long enough.
    fn stop_waiting_for_owners(&mut self, now: Now) {
        let Self { ready, slots, .. } = self;
        while let Some(key) = ready.late_for_owner(|key| {
            slots.get_mut(key).is_none_or(|connection| connection.deadline.has_passed(now.monotonic))
        }) {
            let Some(connection) = slots.get_mut(key) else { continue };
            connection.http.stop_waiting();
            connection.is_queued = false;
            ready.push(key, connection);
        }
        self.wake();
    }

    /// Accepts nobody any more, and closes connections that nothing is under way for.
    pub(crate) fn close(&mut self, engine: &mut Engine) {
        self.listeners.clear();
        for slot in 0..self.slots.places() {
            let key =
                self.slots.at(slot).filter(|(_, connection)| !connection.awaits_owner()).map(|(key, _)| key);
            if let Some(key) = key {
                self.end(key, End::Stop, engine);
            }
        }
    }

    /// Closes all connections.
    pub(crate) fn close_all(&mut self, engine: &mut Engine) {
        for slot in 0..self.slots.places() {
            if let Some(key) = self.slots.at(slot).map(|(key, _)| key) {
                self.end(key, End::Stop, engine);
            }
        }
    }
}
