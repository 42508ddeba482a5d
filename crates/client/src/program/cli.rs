use clap::{Args, Parser, Subcommand, ValueEnum};
use client::{Announce, Families, PEER_ID_PREFIX, TrackerUrl, new_peer_id};
use primitives::{AnnounceEvent, InfoHash, PeerId};
use std::net::IpAddr;
use std::path::PathBuf;

/// Announces to BitTorrent trackers over UDP, HTTP and HTTPS, scrapes and checks them.
#[derive(Debug, Parser)]
#[command(
    name = "ringtrack-client",
    version,
    after_help = "Exit code 0: all is well; 1: a tracker failed or has faults; 2: wrong usage."
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Announce a peer to each address of each tracker
    Announce {
        #[command(flatten)]
        options: TrackerOptions,
        #[command(flatten)]
        peer: PeerOptions,
    },
    /// Ask each address of each tracker for the counts of torrents
    Scrape {
        #[command(flatten)]
        options: TrackerOptions,
        /// A torrent, as 40 hexadecimal digits; may be repeated
        #[arg(long = "info-hash", value_name = "HEX", required = true, value_parser = info_hash)]
        info_hashes: Vec<InfoHash>,
    },
    /// Find out what lists of trackers, such as newTrackon, and clients would object to
    Check {
        #[command(flatten)]
        options: TrackerOptions,
        /// The torrent to announce, for trackers that do not serve any; otherwise a random one
        #[arg(long, value_name = "HEX", value_parser = info_hash)]
        info_hash: Option<InfoHash>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TrackerOptions {
    #[arg(help = "URLs of trackers, such as udp://tracker.example:6969/announce")]
    #[arg(value_name = "URL", required = true, value_parser = TrackerUrl::parse)]
    pub(crate) urls: Vec<TrackerUrl>,
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "v6")]
    v4: bool,
    /// Use IPv6 only
    #[arg(short = '6')]
    v6: bool,
    /// How long each request may take, retries over UDP included
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) timeout: u16,
    /// Print one JSON object per line: one for each URL and address
    #[arg(long)]
    pub(crate) json: bool,
    /// A PEM file with certificates of authorities to trust in addition to those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PeerOptions {
    /// The torrent, as 40 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = info_hash)]
    info_hash: InfoHash,
    /// 20 characters, or 40 hexadecimal digits; otherwise a random one
    #[arg(long, value_parser = peer_id)]
    peer_id: Option<PeerId>,
    /// The port of the peer
    #[arg(long, default_value_t = 6881)]
    port: u16,
    #[arg(long, value_enum, default_value_t = Event::None)]
    event: Event,
    /// Bytes left to download: 0 for a seeder
    #[arg(long, value_name = "BYTES", default_value_t = 1)]
    left: u64,
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    uploaded: u64,
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    downloaded: u64,
    /// Peers to ask for; otherwise the tracker decides
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(..=0x7fff_ffff))]
    numwant: Option<u32>,
    /// A number that identifies the client
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    key: u32,
    /// The address to announce; most trackers use that of the connection instead
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Event {
    None,
    Started,
    Completed,
    Stopped,
}

impl Command {
    pub(crate) const fn options(&self) -> &TrackerOptions {
        match self {
            Self::Announce { options, .. } | Self::Scrape { options, .. } | Self::Check { options, .. } => {
                options
            }
        }
    }
}

impl TrackerOptions {
    pub(crate) const fn families(&self) -> Families {
        match (self.v4, self.v6) {
            (true, _) => Families::V4,
            (_, true) => Families::V6,
            _ => Families::Both,
        }
    }
}

impl PeerOptions {
    pub(crate) fn announce(&self) -> Announce {
        Announce {
            info_hash: self.info_hash,
            peer_id: self.peer_id.unwrap_or_else(|| new_peer_id(PEER_ID_PREFIX)),
            port: self.port,
            event: match self.event {
                Event::None => AnnounceEvent::None,
                Event::Started => AnnounceEvent::Started,
                Event::Completed => AnnounceEvent::Completed,
                Event::Stopped => AnnounceEvent::Stopped,
            },
            left: self.left,
            uploaded: self.uploaded,
            downloaded: self.downloaded,
            numwant: self.numwant,
            key: self.key,
            ip: self.ip,
        }
    }
}

fn info_hash(text: &str) -> Result<InfoHash, &'static str> {
    InfoHash::from_hex(text.as_bytes()).ok_or("an info hash has 40 hexadecimal digits")
}

fn peer_id(text: &str) -> Result<PeerId, &'static str> {
    let hex = InfoHash::from_hex(text.as_bytes()).map(|bytes| bytes.0);
    let bytes = hex.or_else(|| text.as_bytes().try_into().ok());
    bytes.map(PeerId).ok_or("a peer id has 20 characters, or 40 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn peer_ids_are_characters_or_digits() {
        let bytes = *b"-RC0100-abcdefghijkl";
        for (text, expected) in [
            ("-RC0100-abcdefghijkl", Ok(PeerId(bytes))),
            ("2d5243303130302d6162636465666768696a6b6c", Ok(PeerId(bytes))),
        ] {
            assert_eq!(peer_id(text), expected);
        }
        assert!(peer_id("short").is_err());
    }

    #[test]
    fn wrong_usage_is_refused() {
        let hash = "--info-hash=0123456789012345678901234567890123456789";
        let url = "udp://t.example";
        for (arguments, is_right) in [
            (&["announce", hash, url][..], true),
            (&["announce", url], false),
            (&["announce", hash], false),
            (&["announce", hash, "ftp://t.example"], false),
            (&["scrape", hash, hash, url, url], true),
            (&["scrape", "--info-hash=00", url], false),
            (&["check", "-4", "-6", url], false),
            (&["check", "--timeout=0", url], false),
            (&["check", "-6", "--json", url], true),
        ] {
            let words = std::iter::once("ringtrack-client").chain(arguments.iter().copied());
            assert_eq!(CommandLine::try_parse_from(words).is_ok(), is_right, "{arguments:?}");
        }
    }
}
