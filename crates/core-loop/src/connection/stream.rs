use engine::{FullScrape, HttpService, Now, Page, PageBody, RoutedRequest, Shard, StreamBody};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_protocol::{ContentCoding, FullScrapeResponse};
use primitives::ShardId;
use std::io::Write;

/// An answer whose body is sent in pieces, as far as it has been sent.
#[derive(Debug)]
pub(super) enum Stream {
    FullScrape(Box<ScrapeStream>),
    Page(Box<PageBody>),
}

/// The next piece of a scrape.
pub(super) enum Piece {
    /// It is in the buffer, and more follow.
    Written,
    /// It is in the buffer, and is the last one.
    Last,
    /// It is at another core.
    Routed(ShardId, Box<RoutedRequest>),
    /// The core that it is to be requested from has as many requests of this one as it may.
    OwnerBusy(ShardId),
}

/// The parts of a core that make the pieces of an answer.
pub(super) struct PieceContext<'a> {
    pub(super) service: &'a mut HttpService,
    pub(super) shard: &'a mut Shard,
    pub(super) now: Now,
    /// Room for a page of a scrape before it is coded and framed.
    pub(super) answer: &'a mut [u8],
}

/// A scrape of all torrents.
#[derive(Debug)]
pub(super) struct ScrapeStream {
    scrape: Box<FullScrape>,
    coder: Coder,
    /// Bytes that precede the next piece.
    beginning: &'static [u8],
}

#[derive(Debug)]
enum Coder {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
}

impl Stream {
    /// Returns the answer before its first piece.
    pub(super) fn new(body: StreamBody) -> Self {
        match body {
            StreamBody::FullScrape(scrape) => Self::FullScrape(Box::new(ScrapeStream::new(scrape))),
            StreamBody::Page(page) => Self::Page(Box::new(page)),
        }
    }
}

impl ScrapeStream {
    fn new(scrape: Box<FullScrape>) -> Self {
        let coder = match scrape.response.coding {
            ContentCoding::Identity => Coder::Identity,
            ContentCoding::Gzip => Coder::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
        };
        Self { scrape, coder, beginning: FullScrapeResponse::BEGIN }
    }

    /// Writes the next piece into `out`.
    pub(super) fn next_piece(&mut self, context: PieceContext<'_>, out: &mut Vec<u8>) -> Piece {
        out.clear();
        let PieceContext { service, shard, now, answer } = context;
        match service.next_page(shard, now, &mut self.scrape, answer) {
            Page::Written(bytes) => {
                self.put(&answer[..bytes], out);
                Piece::Written
            }
            Page::Over => {
                self.finish(out);
                Piece::Last
            }
            Page::Routed(owner, routed) => Piece::Routed(owner, routed),
            Page::OwnerBusy(owner) => Piece::OwnerBusy(owner),
        }
    }

    /// Writes a piece that has come back from another core into `out`.
    pub(super) fn finish_piece(
        &mut self,
        routed: Box<RoutedRequest>,
        context: PieceContext<'_>,
        out: &mut Vec<u8>,
    ) {
        out.clear();
        let PieceContext { service, answer, .. } = context;
        let bytes = service.finish_page(routed, &mut self.scrape, answer);
        self.put(&answer[..bytes], out);
    }

    /// Appends a piece of the body to `out`, coded and framed. Bytes that the coder keeps follow with a later piece.
    fn put(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let beginning = core::mem::take(&mut self.beginning);
        self.code(beginning, out);
        self.code(piece, out);
    }

    fn code(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let response = self.scrape.response;
        match &mut self.coder {
            Coder::Identity => response.frame(piece, out),
            Coder::Gzip(encoder) => {
                // Writing to a vector cannot fail.
                let _written = encoder.write_all(piece);
                response.frame(encoder.get_ref(), out);
                encoder.get_mut().clear();
            }
        }
    }

    /// Appends the end of the body.
    fn finish(&mut self, out: &mut Vec<u8>) {
        self.put(FullScrapeResponse::END, out);
        let response = self.scrape.response;
        if let Coder::Gzip(encoder) = &mut self.coder {
            let _written = encoder.try_finish();
            response.frame(encoder.get_ref(), out);
        }
        response.frame_end(out);
    }
}
