use engine::FullScrape;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_protocol::{ContentCoding, FullScrapeResponse};
use std::io::Write;

/// The answer to a scrape of all torrents, as far as it has been sent.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) scrape: Box<FullScrape>,
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
    pub(super) fn new(scrape: Box<FullScrape>) -> Self {
        let coder = match scrape.response.coding {
            ContentCoding::Identity => Coder::Identity,
            ContentCoding::Gzip => Coder::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
        };
        Self { scrape, coder, beginning: FullScrapeResponse::BEGIN }
    }

    /// Appends a piece of the body to `out`, coded and framed. Bytes that the coder keeps follow with a later piece.
    pub(super) fn put(&mut self, piece: &[u8], out: &mut Vec<u8>) {
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
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.put(FullScrapeResponse::END, out);
        let response = self.scrape.response;
        if let Coder::Gzip(encoder) = &mut self.coder {
            let _written = encoder.try_finish();
            response.frame(encoder.get_ref(), out);
        }
        response.frame_end(out);
    }
}
