use super::routed::{Question, RoutedRequest, RoutedStep};
use super::service::{HttpService, UNKNOWN_CLIENT};
use crate::now::Now;
use crate::shard::Shard;
use crate::ws::{
    Asked, MessageFailure, MessageReader, Rejected, Replies, Signals, WebRtcRequest, WebSocketClient,
};
use http_protocol::Framing;
use metrics::{Counter, MessageOutcome};
use primitives::{ConnectionToken, InfoHash, ShardId};
use ws_protocol::{Action, InfoHashes, Opcode, ScrapedTorrent, append_frame, append_scrape};

/// The result of serving a message. Replies to it have been appended.
#[derive(Debug)]
pub enum MessageStep {
    /// It has been served.
    Done,
    /// It goes to this owner first, and [`HttpService::finish_message`] appends the replies when it is back.
    Routed(ShardId, Box<RoutedRequest>),
    /// The owner has as many of this core's requests as it may. The message is to be served again when one of them is
    /// back.
    OwnerBusy(ShardId),
    /// It is not served, like too many before it, and the connection is to be closed.
    OneTooMany,
}

/// A control frame, which the client chooses to send like a message.
#[derive(Debug, Clone, Copy)]
pub enum Control<'a> {
    Ping(&'a [u8]),
    Pong,
}

/// Whether a request or message that finds its owner busy waits for it, or is answered with a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    Left,
    Over,
}

/// The parts of a core that a message uses.
#[derive(Debug)]
pub struct MessageContext<'a> {
    pub shard: &'a mut Shard,
    pub now: Now,
    /// The connection that the message came over.
    pub connection: ConnectionToken,
    pub patience: Patience,
    /// Frames for that connection.
    pub replies: &'a mut Vec<u8>,
    /// Frames for others.
    pub signals: &'a mut Signals,
}

impl HttpService {
    /// Serves a message over a WebSocket, or routes it.
    pub fn serve_message(
        &mut self,
        client: &mut WebSocketClient,
        text: &str,
        context: &mut MessageContext<'_>,
    ) -> MessageStep {
        let Some(policy) = &self.policy.web_socket else {
            return context.reject(&Rejected::unread(text, MessageFailure::SwitchedOff));
        };
        let MessageContext { shard, now, connection, .. } = context;
        let admitted = match client.admit(shard, *now) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                context.reject(&Rejected::unread(text, refusal.into()));
                return step_after_refusal(client);
            }
        };
        let mut reader =
            MessageReader { client, connection: *connection, policy, shard, now: *now, admitted };
        let step = match reader.read(text) {
            Ok(Asked::Scrape(info_hashes)) => self.scrape_all(client, info_hashes, context),
            Ok(Asked::WebRtc(request, received)) => self.serve_web_rtc(client, request, received, context),
            Ok(Asked::Dropped) => {
                context.shard.statistics.count_message(MessageOutcome::AnswerDropped);
                MessageStep::Done
            }
            Err(rejected) => context.reject(&rejected),
        };
        if let MessageStep::OwnerBusy(_) = step {
            client.admitted = Some(admitted);
        }
        step
    }

    /// Answers a control frame if it is a ping, unless its source is not admitted.
    pub fn serve_control(
        &self,
        client: &mut WebSocketClient,
        control: Control<'_>,
        context: &mut MessageContext<'_>,
    ) -> MessageStep {
        if client.admit(context.shard, context.now).is_err() {
            context.shard.statistics.add(Counter::WsControlRefused, 1);
            return step_after_refusal(client);
        }
        if let Control::Ping(payload) = control {
            append_frame(context.replies, Opcode::Pong, None, payload);
        }
        MessageStep::Done
    }

    /// Appends the replies to a message of a client that is back from its owners.
    pub fn finish_message(
        &mut self,
        client: &mut WebSocketClient,
        shard: &mut Shard,
        now: Now,
        mut routed: Box<RoutedRequest>,
        replies: &mut Vec<u8>,
    ) {
        match routed.question {
            Question::WebRtc(request) => {
                replies.append(&mut routed.message.replies);
                client.note_carried_out(now.monotonic, &request, routed.message.carried_out);
            }
            Question::ScrapeAll => {
                append_scrape(
                    replies,
                    routed.files.files().iter().map(|file| ScrapedTorrent {
                        info_hash: file.info_hash,
                        complete: file.complete,
                        incomplete: file.incomplete,
                        downloaded: file.downloaded,
                    }),
                );
                shard.statistics.count_message(MessageOutcome::ScrapeAnswered);
            }
            Question::GivenUp(_) => {
                let info_hash = routed.files.files().first().map(|file| file.info_hash);
                busy(Action::Scrape, info_hash).reply(shard, replies);
            }
            Question::Announce(..) | Question::Scrape(_) | Question::Page(..) => {}
        }
        self.take_back(routed);
    }

    fn serve_web_rtc(
        &mut self,
        client: &mut WebSocketClient,
        request: WebRtcRequest,
        received: &str,
        context: &mut MessageContext<'_>,
    ) -> MessageStep {
        let MessageContext { shard, now, .. } = context;
        let owner = shard.ownership.owner(request.info_hash());
        if owner == shard.ownership.own {
            client.note_sent(now.monotonic, &request, received);
            let mut replies = Replies { own: context.replies, others: context.signals };
            let carried_out = request.carry_out(received, shard, *now, &mut replies);
            client.note_carried_out(now.monotonic, &request, carried_out);
            return MessageStep::Done;
        }
        let mut routed = self.pool.take(UNKNOWN_CLIENT, Framing::FINAL, Question::WebRtc(request));
        if !self.pool.note_sent(shard.shards(), owner, &mut routed) {
            self.take_back(routed);
            return context.wait_for(owner, Action::Announce, request.replies_for());
        }
        client.note_sent(now.monotonic, &request, received);
        received.clone_into(&mut routed.message.received);
        MessageStep::Routed(owner, routed)
    }

    fn scrape_all(
        &mut self,
        client: &mut WebSocketClient,
        info_hashes: InfoHashes<'_>,
        context: &mut MessageContext<'_>,
    ) -> MessageStep {
        let (first, most) = (info_hashes.clone().next(), self.policy.scrape_torrents_max);
        if info_hashes.clone().nth(most).is_some() {
            let failure = MessageFailure::TooManyTorrents(most);
            return context.reject(&Rejected { action: Action::Scrape, info_hash: first, failure });
        }
        let mut routed = self.pool.take(UNKNOWN_CLIENT, Framing::FINAL, Question::ScrapeAll);
        routed.files.fill(info_hashes, most);
        match routed.advance(context.shard, context.now) {
            RoutedStep::Done => {
                self.finish_message(client, context.shard, context.now, routed, context.replies);
                MessageStep::Done
            }
            RoutedStep::Onward(owner) if self.pool.note_sent(context.shard.shards(), owner, &mut routed) => {
                MessageStep::Routed(owner, routed)
            }
            RoutedStep::Onward(owner) => {
                self.take_back(routed);
                context.wait_for(owner, Action::Scrape, first)
            }
        }
    }
}

impl MessageContext<'_> {
    fn reject(&mut self, rejected: &Rejected) -> MessageStep {
        rejected.reply(self.shard, self.replies);
        MessageStep::Done
    }

    fn wait_for(&mut self, owner: ShardId, action: Action, info_hash: Option<InfoHash>) -> MessageStep {
        match self.patience {
            Patience::Left => MessageStep::OwnerBusy(owner),
            Patience::Over => self.reject(&busy(action, info_hash)),
        }
    }
}

const fn step_after_refusal(client: &WebSocketClient) -> MessageStep {
    if client.is_refused_too_often() { MessageStep::OneTooMany } else { MessageStep::Done }
}

const fn busy(action: Action, info_hash: Option<InfoHash>) -> Rejected {
    Rejected { action, info_hash, failure: MessageFailure::Busy }
}
