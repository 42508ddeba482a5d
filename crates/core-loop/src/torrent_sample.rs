use crate::limits::SAMPLE_DATAGRAMS_MIN;
use primitives::InfoHash;

/// Finds out whether more than half of the datagrams are proved requests for one torrent, from one datagram of each batch,
/// which stands for all of them, in memory of fixed size. Requests that anybody could have made up do not count: they would
/// have the torrent's clients dropped.
///
/// In each window it finds the torrent that can be it (the majority vote of Boyer and Moore), and counts the requests for the one
/// found in the window before.
#[derive(Debug, Default)]
pub(crate) struct TorrentSample {
    suspect: Option<InfoHash>,
    of_suspect: u32,
    /// In the batches, of which each had one in the sample.
    datagrams: u32,
    sampled: u32,
    candidate: Option<InfoHash>,
    votes: u32,
}

impl TorrentSample {
    /// Notes the torrent that a datagram of a batch of `datagrams` is a proved request for.
    pub(crate) fn note(&mut self, torrent: Option<InfoHash>, datagrams: usize) {
        let weight = u32::try_from(datagrams).unwrap_or(u32::MAX);
        self.sampled += 1;
        self.datagrams = self.datagrams.saturating_add(weight);
        if torrent.is_some() && torrent == self.suspect {
            self.of_suspect = self.of_suspect.saturating_add(weight);
        }
        if torrent.is_some() && torrent == self.candidate {
            self.votes = self.votes.saturating_add(weight);
        } else if let Some(left) = self.votes.checked_sub(weight) {
            self.votes = left;
        } else {
            self.votes = if torrent.is_some() { weight - self.votes } else { 0 };
            self.candidate = torrent;
        }
    }

    /// Ends a window, and returns the torrent that most datagrams in it were for.
    pub(crate) fn take(&mut self) -> Option<InfoHash> {
        let Self { suspect, of_suspect, datagrams, sampled, candidate, votes } = core::mem::take(self);
        self.suspect = candidate.filter(|_| votes > 0);
        suspect.filter(|_| sampled >= SAMPLE_DATAGRAMS_MIN && of_suspect > datagrams / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(torrent: u8) -> Option<InfoHash> {
        Some(InfoHash([torrent; 20]))
    }

    /// Takes two windows with the same share of requests for torrent 1, and others for `others` in turn.
    fn found(percent: usize, datagrams: usize, others: &[Option<InfoHash>]) -> Option<InfoHash> {
        let (mut sample, hot) = (TorrentSample::default(), request(1));
        let mut window = || {
            for index in 0..datagrams {
                let is_hot = (index + 1) * percent / 100 > index * percent / 100;
                sample.note(if is_hot { hot } else { others[index % others.len()] }, 1);
            }
            sample.take()
        };
        assert_eq!(window(), None, "the first window has no suspect");
        window()
    }

    #[test]
    fn a_torrent_of_most_datagrams_is_found() {
        let others: Vec<_> = (2..100).map(request).chain([None]).collect();
        let hot = Some(InfoHash([1; 20]));
        for (percent, datagrams, others, expected) in [
            (100, 100, &others, hot),
            (60, 100, &others, hot),
            (60, 100, &vec![None], hot),
            (60, 100, &vec![request(2)], hot),
            (50, 1000, &others, None),
            (40, 100, &others, None),
            (100, SAMPLE_DATAGRAMS_MIN as usize - 1, &others, None),
        ] {
            assert_eq!(found(percent, datagrams, others), expected, "{percent} % of {datagrams}");
        }
    }

    #[test]
    fn a_batch_counts_for_as_many_datagrams_as_it_has() {
        let hot = Some(InfoHash([1; 20]));
        for (of_hot, of_others, expected) in [(64, 1, hot), (2, 1, hot), (64, 64, None), (1, 64, None)] {
            let mut sample = TorrentSample::default();
            // Two listeners in turn.
            let mut window = || {
                for _ in 0..SAMPLE_DATAGRAMS_MIN {
                    sample.note(request(1), of_hot);
                    sample.note(None, of_others);
                }
                sample.take()
            };
            window();
            assert_eq!(window(), expected, "{of_hot} and {of_others}");
        }
    }
}
