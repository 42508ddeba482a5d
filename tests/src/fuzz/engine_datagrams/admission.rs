use access::{AccessPolicy, TorrentAdmission, UserAdmission};
use engine::Now;
use primitives::{InfoHash, ListSource, TorrentList, canonical_ip};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use udp_protocol::{Announce, AnnounceOption};

/// The required result of an announce or a scrape whose source has proved its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Served,
    /// An error whose text contains these words.
    Refused(&'static str),
}

/// A plain reference implementation of admission.
#[derive(Debug)]
pub(super) struct Admission {
    policy: AccessPolicy,
    listed: BTreeSet<(TorrentList, SourceOfList, InfoHash)>,
    /// Expiry of each key in Unix seconds; `None` if it never expires.
    pub(super) keys: BTreeMap<String, Option<u64>>,
    /// First byte of the peer ids that are refused.
    pub(super) denied_software: Option<u8>,
    pub(super) banned: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceOfList {
    File,
    Api,
}

impl From<ListSource> for SourceOfList {
    fn from(source: ListSource) -> Self {
        match source {
            ListSource::File => Self::File,
            ListSource::Api => Self::Api,
        }
    }
}

impl Admission {
    pub(super) const fn new(policy: AccessPolicy) -> Self {
        Self { policy, listed: BTreeSet::new(), keys: BTreeMap::new(), denied_software: None, banned: None }
    }

    pub(super) fn put(&mut self, list: TorrentList, source: ListSource, torrent: InfoHash) {
        self.listed.insert((list, source.into(), torrent));
    }

    pub(super) fn take_off(&mut self, list: TorrentList, source: ListSource, torrent: InfoHash) {
        self.listed.remove(&(list, source.into(), torrent));
    }

    pub(super) fn clear(&mut self, list: TorrentList, source: ListSource) {
        self.listed.retain(|(other, of, _)| (*other, *of) != (list, source.into()));
    }

    pub(super) fn is_banned(&self, ip: IpAddr) -> bool {
        self.banned == Some(canonical_ip(ip))
    }

    pub(super) fn is_served(&self, torrent: &InfoHash) -> bool {
        let is_open = self.policy.torrents == TorrentAdmission::Any;
        (is_open || self.is_on(TorrentList::Allowed, torrent)) && !self.is_on(TorrentList::Denied, torrent)
    }

    pub(super) fn of_scrape(&self) -> Expected {
        match self.policy.users {
            UserAdmission::Public => Expected::Served,
            UserAdmission::Private => Expected::Refused("scrapes need a key, which only HTTP"),
        }
    }

    pub(super) fn of_announce(&self, now: Now, ip: IpAddr, announce: &Announce<'_>) -> Expected {
        let request = announce.request;
        if self.denied_software.is_some_and(|first| request.peer_id.0[0] == first) {
            return Expected::Refused("this client software is not allowed here");
        }
        if self.policy.users == UserAdmission::Private
            && let Err(words) = self.check_key(now, &url_of(announce))
        {
            return Expected::Refused(words);
        }
        if is_unreachable(canonical_ip(ip)) {
            return Expected::Refused("no peer can be reached at this address");
        }
        if self.is_on(TorrentList::Denied, &request.info_hash) {
            return Expected::Refused(", is banned here");
        }
        if self.is_served(&request.info_hash) {
            Expected::Served
        } else {
            Expected::Refused(", is not whitelisted")
        }
    }

    fn is_on(&self, list: TorrentList, torrent: &InfoHash) -> bool {
        [SourceOfList::File, SourceOfList::Api]
            .iter()
            .any(|&source| self.listed.contains(&(list, source, *torrent)))
    }

    fn check_key(&self, now: Now, url: &[u8]) -> Result<(), &'static str> {
        // The tracker reads at most this much of the URL.
        let url = &url[..url.len().min(64)];
        let path = url.split(|&byte| byte == b'?').next().unwrap_or_default();
        let mut segments: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
        segments.retain(|segment| !segment.is_empty());
        let key = match segments[..] {
            [b"announce", key] if key.len() == 32 && key.iter().all(u8::is_ascii_alphanumeric) => key,
            [b"announce", _, ..] => return Err("the key in the announce URL is malformed"),
            _ => return Err("needs a key in its announce URL"),
        };
        match self.keys.get(&String::from_utf8_lossy(key).into_owned()) {
            None => Err("the key is not known"),
            Some(Some(until_s)) if now.unix_s >= *until_s => Err("the key has expired"),
            Some(_) => Ok(()),
        }
    }
}

/// Covers only the addresses that a script can use.
fn is_unreachable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 224,
        IpAddr::V6(ip) => ip.segments()[0] == 0xfe80,
    }
}

/// Joins the URL data of an announce.
fn url_of(announce: &Announce<'_>) -> Vec<u8> {
    let mut url = Vec::new();
    for option in announce.options {
        if let AnnounceOption::UrlData(part) = option {
            url.extend_from_slice(part);
        }
    }
    url
}
