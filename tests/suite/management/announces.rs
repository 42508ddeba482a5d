//! Announces of one peer, over UDP and over HTTP.

use primitives::{AnnounceEvent, InfoHash, PeerId};
use zerocopy::IntoBytes;

use crate::http_client::{HttpClient, percent_encode};
use crate::tracker::Tracker;
use crate::udp_client::{Answer, Client};
use ringtrack_tests::client::url_data;

/// The parameters of an announce. The port determines the peer id.
#[derive(Debug, Clone)]
pub(crate) struct Announce {
    pub(crate) torrent: InfoHash,
    pub(crate) key: Option<String>,
    pub(crate) port: u16,
    pub(crate) left: u64,
    pub(crate) uploaded: u64,
    pub(crate) downloaded: u64,
    pub(crate) event: AnnounceEvent,
}

/// The protocol of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Http,
}

pub(super) const WAYS: [Way; 2] = [Way::Udp, Way::Http];

impl Announce {
    /// An announce of a leecher.
    pub(crate) const fn of(torrent: InfoHash) -> Self {
        let event = AnnounceEvent::None;
        Self { torrent, key: None, port: 2000, left: 1, uploaded: 0, downloaded: 0, event }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// The text with which it is refused; `None` if it is answered with peers.
    pub(crate) fn refusal(&self, tracker: &Tracker, way: Way) -> Option<String> {
        match way {
            Way::Udp => self.over_udp(&Client::new(tracker.v4())),
            Way::Http => self.over_http(&mut HttpClient::new(tracker.http_v4())),
        }
    }

    #[track_caller]
    pub(super) fn assert_served(&self, tracker: &Tracker) {
        for way in WAYS {
            assert_eq!(self.refusal(tracker, way), None, "{way:?} {self:?}");
        }
    }

    /// Asserts that it is refused with a text that starts with `reason`.
    #[track_caller]
    pub(super) fn assert_refused(&self, tracker: &Tracker, reason: &str) {
        for way in WAYS {
            let refusal = self.refusal(tracker, way);
            let is_so = refusal.as_ref().is_some_and(|text| text.starts_with(reason));
            assert!(is_so, "{way:?} {self:?}: {refusal:?}, not {reason:?}");
        }
    }

    /// Like [`Self::refusal`], of a client that has a connection id.
    pub(crate) fn over_udp(&self, client: &Client) -> Option<String> {
        match self.answer_over_udp(client) {
            Answer::Announced(_) => None,
            Answer::Error(text) => Some(text),
            other => panic!("not the answer to an announce: {other:?}"),
        }
    }

    pub(super) fn answer_over_udp(&self, client: &Client) -> Answer {
        let mut request = client.leecher(self.torrent, self.port).with_left(self.left).with_event(self.event);
        request.peer_id = PeerId(self.peer_id().into_bytes().try_into().expect("20 bytes"));
        request.uploaded = self.uploaded.into();
        request.downloaded = self.downloaded.into();
        let options = self.key.as_ref().map_or(Vec::new(), |_| url_data(&[self.path().as_bytes()]));
        client.send(&[request.as_bytes(), &options].concat());
        client.receive().1
    }

    /// Like [`Self::refusal`], over a kept connection.
    pub(crate) fn over_http(&self, client: &mut HttpClient) -> Option<String> {
        let Self { torrent, port, left, uploaded, downloaded, event, .. } = self;
        let event = match *event {
            AnnounceEvent::None => "",
            AnnounceEvent::Started => "&event=started",
            AnnounceEvent::Stopped => "&event=stopped",
            AnnounceEvent::Completed => "&event=completed",
        };
        let (path, hash, peer_id) = (self.path(), percent_encode(&torrent.0), self.peer_id());
        let answer = client.get(&format!(
            "{path}?info_hash={hash}&peer_id={peer_id}&port={port}&left={left}\
             &uploaded={uploaded}&downloaded={downloaded}{event}"
        ));
        let reason = answer.reason();
        assert!(reason.is_some() || answer.text().contains("8:interval"), "{}", answer.text());
        reason
    }

    fn path(&self) -> String {
        self.key.as_ref().map_or_else(|| "/announce".to_owned(), |key| format!("/announce/{key}"))
    }

    fn peer_id(&self) -> String {
        format!("-XX0001-{:012}", self.port)
    }
}
