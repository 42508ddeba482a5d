use crate::core_state::CoreState;
use crate::limits::{DESK_AWAKE_MS, DESK_JOBS_MAX, DESK_LOOK_MS, DESK_PAUSE_MS, DESK_SLICE_US};
use crate::messages::CoreTask;
use access::{AccessUpdate, ListInquiry, Sweep};
use crossbeam_channel::Receiver;
use engine::{Engine, RunningSurvey, SurveyStep, UpdateStep};
use glommio::timer::sleep;
use primitives::{Answer, Inquiry};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What the control plane has asked of this core and what is not done yet.
#[derive(Debug, Default)]
struct Desk {
    /// Taken over one after another.
    updates: VecDeque<Update>,
    /// Worked at in turn.
    surveys: VecDeque<RunningSurvey>,
}

/// An update, the item to go on with, and who waits for it.
#[derive(Debug)]
struct Update {
    update: AccessUpdate,
    from: usize,
    answer: Answer<()>,
}

/// When the desk does what beside the tasks.
#[derive(Debug)]
struct Pace {
    /// Until then the control plane is about to ask for more: what it does one after another is not to take a look each.
    awake_until: Instant,
    sweep_due: Instant,
}

/// Does what the control plane asks, a slice at a time, until it is cancelled. In between the core sees to its requests.
pub(crate) async fn serve_desk(core: Rc<CoreState>, tasks: Receiver<CoreTask>) {
    let mut desk = Desk::default();
    let mut pace = Pace { awake_until: Instant::now(), sweep_due: Instant::now() };
    loop {
        let slice_end = Instant::now() + Duration::from_micros(DESK_SLICE_US);
        while desk.jobs() < DESK_JOBS_MAX
            && let Ok(task) = tasks.try_recv()
        {
            desk.take_in(&core, task);
            pace.awake_until = slice_end + Duration::from_millis(DESK_AWAKE_MS);
            if Instant::now() >= slice_end {
                break;
            }
        }
        desk.work(&core, slice_end);
        sweep(&core, &mut pace, slice_end);
        let is_idle = desk.jobs() == 0 && pace.awake_until <= slice_end;
        sleep(Duration::from_millis(if is_idle { DESK_LOOK_MS } else { DESK_PAUSE_MS })).await;
    }
}

/// Sweeps a piece, at once again where something is to be taken off.
fn sweep(core: &CoreState, pace: &mut Pace, now: Instant) {
    if now < pace.sweep_due {
        return;
    }
    if core.engine.borrow_mut().sweep_access(core.clock.now()) == Sweep::Done {
        pace.sweep_due = now + Duration::from_millis(DESK_LOOK_MS);
    }
}

impl Desk {
    fn jobs(&self) -> usize {
        self.updates.len() + self.surveys.len()
    }

    /// Does at once what is short, and keeps what is not.
    fn take_in(&mut self, core: &CoreState, task: CoreTask) {
        match task {
            CoreTask::Update(update, answer) => self.updates.push_back(Update { update, from: 0, answer }),
            CoreTask::Inquire(Inquiry::Survey(survey)) => self.surveys.push_back(RunningSurvey::new(survey)),
            CoreTask::Inquire(inquiry) => answer_at_once(core, inquiry),
            CoreTask::List(inquiry) => {
                let ListInquiry { list, from, torrents_max, answer } = inquiry;
                answer.give(core.engine.borrow().list_page(list, from, torrents_max));
            }
        }
    }

    /// Works until the end of its slice of time, a step at least, or until nothing is left.
    fn work(&mut self, core: &CoreState, end: Instant) {
        let engine = &mut *core.engine.borrow_mut();
        while self.jobs() > 0 {
            self.advance_updates(engine);
            self.advance_surveys(engine);
            if Instant::now() >= end {
                // Those behind it have their turn, so that a short one does not wait for a long one.
                self.surveys.rotate_left(1.min(self.surveys.len()));
                return;
            }
        }
    }

    fn advance_updates(&mut self, engine: &mut Engine) {
        let Some(first) = self.updates.front_mut() else { return };
        match engine.apply_update(&first.update, first.from) {
            UpdateStep::More(from) => first.from = from,
            UpdateStep::Done => {
                if let Some(done) = self.updates.pop_front() {
                    done.answer.give(());
                }
            }
        }
    }

    fn advance_surveys(&mut self, engine: &Engine) {
        let Some(survey) = self.surveys.front_mut() else { return };
        if engine.advance_survey(survey) == SurveyStep::Done
            && let Some(survey) = self.surveys.pop_front()
        {
            survey.finish();
        }
    }
}

fn answer_at_once(core: &CoreState, inquiry: Inquiry) {
    let engine = &mut *core.engine.borrow_mut();
    match inquiry {
        Inquiry::Survey(survey) => RunningSurvey::new(survey).finish(),
        Inquiry::Torrents(info_hashes, answer) => {
            answer.give(info_hashes.iter().filter_map(|info_hash| engine.torrent(info_hash)).collect());
        }
        Inquiry::Peers(info_hash, peers_max, answer) => {
            let torrent = engine.torrent(&info_hash);
            answer.give(torrent.map(|facts| (facts, engine.peers(core.clock.now(), &info_hash, peers_max))));
        }
        Inquiry::Drop(info_hash, answer) => answer.give(engine.drop_torrent(&info_hash)),
    }
}
