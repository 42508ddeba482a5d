use crate::cli::Options;

/// The URL data that announces carry, encoded. A private tracker reads its key from it.
#[derive(Debug)]
pub(crate) struct UrlData {
    /// All of one length. Empty if announces have no options.
    options: Vec<Vec<u8>>,
}

/// The option for a part of the path and query (BEP 41).
const URL_DATA: u8 = 2;

impl UrlData {
    /// Encodes the URL data of a checked command line.
    pub(crate) fn of(options: &Options) -> Self {
        Self { options: options.url_data.iter().map(|path| option(path.as_bytes())).collect() }
    }

    /// Returns the option of the source of this number. Sources use the options in turn.
    pub(crate) fn of_source(&self, source: u32) -> &[u8] {
        match self.options.len() {
            0 => &[],
            count => &self.options[source as usize % count],
        }
    }

    /// Bytes that follow each announce.
    pub(crate) fn bytes(&self) -> usize {
        self.of_source(0).len()
    }
}

fn option(path: &[u8]) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("the command line has been checked");
    [&[URL_DATA, length], path].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use udp_protocol::{AnnounceOption, AnnounceOptions};

    fn url_data(arguments: &[&str]) -> UrlData {
        UrlData::of(&Options::parse_from(
            [&["ringtrack-blast", "--target", "127.0.0.1:1"], arguments].concat(),
        ))
    }

    #[test]
    fn a_tracker_reads_the_path_of_its_url() {
        let data = url_data(&["--url-data", "/announce/one"]);
        let read: Vec<_> = AnnounceOptions::new(data.of_source(7)).collect();
        assert_eq!(read, [AnnounceOption::UrlData(b"/announce/one")]);
        assert_eq!(data.bytes(), 2 + 13);
    }

    #[test]
    fn sources_take_paths_in_turn() {
        let data = url_data(&["--url-data", "/a,/b,/c"]);
        let paths: Vec<_> = (0..4).map(|source| &data.of_source(source)[2..]).collect();
        assert_eq!(paths, [b"/a", b"/b", b"/c", b"/a"]);
    }

    #[test]
    fn without_a_path_nothing_follows_an_announce() {
        assert_eq!((url_data(&[]).of_source(3), url_data(&[]).bytes()), (&[][..], 0));
    }
}
