use crate::core_state::CoreState;
use crate::limits::{DESK_JOBS_MAX, DESK_LOOK_MS, DESK_PAUSE_MS, DESK_SLICE_US};
use crate::messages::CoreTask;
use crossbeam_channel::Receiver;
use engine::{RunningSurvey, SurveyStep};
use glommio::timer::sleep;
use primitives::{Answer, Inquiry, SurveyResult};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What the control plane has asked of this core and what is not done yet.
#[derive(Debug, Default)]
struct Desk {
    surveys: VecDeque<(RunningSurvey, Answer<SurveyResult>)>,
}

/// Does what the control plane asks, a slice at a time, until it is cancelled. In between the core sees to its requests.
pub(crate) async fn serve_desk(core: Rc<CoreState>, tasks: Receiver<CoreTask>) {
    let mut desk = Desk::default();
    loop {
        while desk.jobs() < DESK_JOBS_MAX
            && let Ok(task) = tasks.try_recv()
        {
            desk.take_in(&core, task);
        }
        desk.work(&core);
        let pause_ms = if desk.jobs() == 0 { DESK_LOOK_MS } else { DESK_PAUSE_MS };
        sleep(Duration::from_millis(pause_ms)).await;
    }
}

impl Desk {
    fn jobs(&self) -> usize {
        self.surveys.len()
    }

    /// Does at once what is short, and keeps what is not.
    fn take_in(&mut self, core: &CoreState, task: CoreTask) {
        let CoreTask::Inquire(inquiry) = task;
        let engine = &mut *core.engine.borrow_mut();
        match inquiry {
            Inquiry::Survey(survey, answer) => self.surveys.push_back((RunningSurvey::new(survey), answer)),
            Inquiry::Torrents(info_hashes, answer) => {
                answer.give(info_hashes.iter().filter_map(|info_hash| engine.torrent(info_hash)).collect());
            }
            Inquiry::Peers(info_hash, peers_max, answer) => {
                let now = core.clock.now();
                let torrent = engine.torrent(&info_hash);
                answer.give(torrent.map(|facts| (facts, engine.peers(now, &info_hash, peers_max))));
            }
            Inquiry::Drop(info_hash, answer) => answer.give(engine.drop_torrent(&info_hash)),
        }
    }

    /// Works for a slice of time, or until nothing is left.
    fn work(&mut self, core: &CoreState) {
        let end = Instant::now() + Duration::from_micros(DESK_SLICE_US);
        let engine = &*core.engine.borrow();
        while let Some((survey, _)) = self.surveys.front_mut() {
            if engine.advance_survey(survey) == SurveyStep::Done
                && let Some((survey, answer)) = self.surveys.pop_front()
            {
                answer.give(survey.finish());
            }
            if Instant::now() >= end {
                // Those behind it have their turn, so that a short one does not wait for a long one.
                self.surveys.rotate_left(1.min(self.surveys.len()));
                return;
            }
        }
    }
}
