use crate::cli::Options;

/// What announces hand on of the tracker's URL, ready to be put behind them: a private tracker finds its key there.
#[derive(Debug)]
pub(crate) struct UrlData {
    /// Of one length all of them. Empty: announces have no options.
    options: Vec<Vec<u8>>,
}

/// BEP 41's option for a part of the path and query.
const URL_DATA: u8 = 2;

impl UrlData {
    /// That of a command line, which was checked.
    pub(crate) fn of(options: &Options) -> Self {
        Self { options: options.url_data.iter().map(|path| option(path.as_bytes())).collect() }
    }

    /// The option of the source of this number: sources take them in turn.
    pub(crate) fn of_source(&self, source: u32) -> &[u8] {
        match self.options.len() {
            0 => &[],
            count => &self.options[source as usize % count],
        }
    }

    /// Bytes behind each announce.
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
    fn a_tracker_reads_the_path_that_its_url_has() {
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
    fn without_a_path_there_is_nothing_behind_an_announce() {
        assert_eq!((url_data(&[]).of_source(3), url_data(&[]).bytes()), (&[][..], 0));
    }
}
