use super::full_scrape::FullScrape;
use http_protocol::Connection;
use std::sync::Arc;

/// The body of an answer that is sent in pieces.
#[derive(Debug)]
pub enum StreamBody {
    /// Its pieces are read with `HttpService::next_page`.
    FullScrape(Box<FullScrape>),
    Page(PageBody),
}

/// The body of a page that is longer than a buffer, as far as it has been sent.
#[derive(Debug)]
pub struct PageBody {
    bytes: Arc<[u8]>,
    sent: usize,
}

impl StreamBody {
    /// Returns what happens to the connection after the body. `requested` applies where the length of the body is
    /// known.
    pub(super) const fn connection(&self, requested: Connection) -> Connection {
        match self {
            Self::FullScrape(scrape) => scrape.response.framing.connection,
            Self::Page(_) => requested,
        }
    }
}

impl PageBody {
    /// Returns a body of which this many bytes have been sent.
    pub(super) const fn new(bytes: Arc<[u8]>, sent: usize) -> Self {
        Self { bytes, sent }
    }

    /// Returns the next piece of at most this many bytes, which is empty after the last one.
    pub fn next_piece(&mut self, bytes_max: usize) -> &[u8] {
        let rest = self.bytes.get(self.sent..).unwrap_or_default();
        let piece = rest.get(..bytes_max).unwrap_or(rest);
        self.sent += piece.len();
        piece
    }

    /// Returns whether all pieces have been taken.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent >= self.bytes.len()
    }
}
