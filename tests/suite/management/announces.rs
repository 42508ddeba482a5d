//! Announces of one peer, over UDP and over HTTP.

use primitives::{AnnounceEvent, InfoHash};
use zerocopy::IntoBytes;

use crate::http_client::{HttpClient, percent_encode};
use crate::tracker::Tracker;
use crate::udp_client::{Answer, Client};
use ringtrack_tests::client::url_data;

/// The parameters of an announce.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announce<'a> {
    pub(super) torrent: InfoHash,
    pub(super) key: Option<&'a str>,
    pub(super) port: u16,
    pub(super) left: u64,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) event: AnnounceEvent,
}

/// The protocol of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Udp,
    Http,
}

pub(super) const WAYS: [Way; 2] = [Way::Udp, Way::Http];

impl<'a> Announce<'a> {
    /// An announce of a leecher.
    pub(super) const fn of(torrent: InfoHash) -> Self {
        let event = AnnounceEvent::None;
        Self { torrent, key: None, port: 2000, left: 1, uploaded: 0, downloaded: 0, event }
    }

    pub(super) const fn with_key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// The text with which it is refused; `None` if it is answered with peers.
    pub(super) fn refusal(&self, tracker: &Tracker, way: Way) -> Option<String> {
        match way {
            Way::Udp => self.over_udp(tracker),
            Way::Http => self.over_http(tracker),
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

    fn over_udp(&self, tracker: &Tracker) -> Option<String> {
        let client = Client::new(tracker.v4());
        let mut request = client.leecher(self.torrent, self.port).with_left(self.left).with_event(self.event);
        request.uploaded = self.uploaded.into();
        request.downloaded = self.downloaded.into();
        let path = self.key.map(|key| format!("/announce/{key}"));
        let options = path.map_or(Vec::new(), |path| url_data(&[path.as_bytes()]));
        client.send(&[request.as_bytes(), &options].concat());
        match client.receive() {
            (0, Answer::Announced(_)) => None,
            (0, Answer::Error(text)) => Some(text),
            other => panic!("not the answer to an announce: {other:?}"),
        }
    }

    fn over_http(&self, tracker: &Tracker) -> Option<String> {
        let Self { torrent, key, port, left, uploaded, downloaded, event } = self;
        let path = key.map_or_else(|| "/announce".to_owned(), |key| format!("/announce/{key}"));
        let event = match *event {
            AnnounceEvent::Completed => "&event=completed",
            _ => "",
        };
        let hash = percent_encode(&torrent.0);
        let answer = HttpClient::new(tracker.http_v4()).get(&format!(
            "{path}?info_hash={hash}&peer_id=-XX0001-{port:012}&port={port}&left={left}\
             &uploaded={uploaded}&downloaded={downloaded}{event}"
        ));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().contains("failure reason").then(|| answer.failure())
    }
}
