use super::super::bytes::Bytes;
use super::admission::Admission;
use crate::simulator::Simulator;
use access::{AccessUpdate, BannedNetworks, ClientRules, KeyGrant};
use primitives::{AuthenticationKey, InfoHash, KeyId, ListChange, ListSource, PeerIdPrefix, TorrentList};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A change of admission.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    List(ListChange, TorrentList, ListSource, InfoHash),
    /// Replaces a source's list: the number of its first torrent, and how many there are.
    Reload(TorrentList, ListSource, u8, u8),
    /// The number of the key and its lifetime in seconds; `None` if it never expires.
    Grant(u8, Option<u64>),
    Revoke(u8),
    /// Refuses client software whose peer ids begin with this letter; `None` refuses none.
    DenySoftware(Option<u8>),
    /// Bans this address and no other; `None` bans none.
    Ban(Option<IpAddr>),
}

/// Returns one of eight keys.
pub(super) fn key_text(number: u8) -> String {
    format!("{:032}", number % 8)
}

/// The first byte of the peer id of a peer at this port.
pub(super) const fn software_of(port: u16) -> u8 {
    b'a' + (port % 4) as u8
}

impl Change {
    pub(super) fn read(operation: u8, bytes: &mut Bytes<'_>) -> Option<Self> {
        let what = bytes.byte()?;
        let list = if operation & 8 == 0 { TorrentList::Allowed } else { TorrentList::Denied };
        let source = if operation & 16 == 0 { ListSource::File } else { ListSource::Api };
        let torrent = InfoHash([what; 20]);
        Some(match operation % 8 {
            0 | 1 => Self::List(ListChange::Add, list, source, torrent),
            2 => Self::List(ListChange::Remove, list, source, torrent),
            3 => Self::Reload(list, source, what, bytes.byte()? % 8),
            4 => Self::Grant(what % 8, (what >= 8).then_some(u64::from(what) * 8)),
            5 => Self::Revoke(what % 8),
            6 => Self::DenySoftware((what % 8 < 4).then_some(b'a' + what % 8)),
            _ => Self::Ban((what < 128).then_some(Ipv4Addr::new(10, 0, 0, what % 16).into())),
        })
    }

    /// Applies the change to the tracker and to the reference.
    pub(super) fn make(self, tracker: &mut Simulator, expected: &mut Admission) {
        match self {
            Self::List(change, list, source, torrent) => {
                match change {
                    ListChange::Add => expected.put(list, source, torrent),
                    ListChange::Remove => expected.take_off(list, source, torrent),
                }
                tracker.update(&AccessUpdate::ChangeList(change, list, source, [torrent].into()));
            }
            Self::Reload(list, source, first, torrents) => {
                let torrents: Vec<_> =
                    (0..torrents).map(|number| InfoHash([first.wrapping_add(number); 20])).collect();
                expected.clear(list, source);
                torrents.iter().for_each(|&torrent| expected.put(list, source, torrent));
                tracker.update(&AccessUpdate::BeginList(list, source));
                tracker.update(&AccessUpdate::ChangeList(ListChange::Add, list, source, torrents.into()));
                tracker.update(&AccessUpdate::EndList(list, source));
                tracker.sweep();
            }
            Self::Grant(number, lifetime_s) => {
                let valid_until_unix_s = lifetime_s.map(|lifetime_s| tracker.now().unix_s + lifetime_s);
                expected.keys.insert(key_text(number), valid_until_unix_s);
                let grant = KeyGrant { key: key(number), id: KeyId(number.into()), valid_until_unix_s };
                tracker.update(&AccessUpdate::PutKeys([grant].into()));
            }
            Self::Revoke(number) => {
                expected.keys.remove(&key_text(number));
                tracker.update(&AccessUpdate::RemoveKeys([key(number)].into()));
            }
            Self::DenySoftware(first) => {
                expected.denied_software = first;
                let denied = first.and_then(|first| PeerIdPrefix::parse(&char::from(first).to_string()));
                let rules = ClientRules::new(&[], denied.as_slice()).expect("at most one");
                tracker.update(&AccessUpdate::UseClients(Arc::new(rules)));
            }
            Self::Ban(ip) => {
                expected.banned = ip;
                let networks: Vec<_> = ip.map(Into::into).into_iter().collect();
                let networks = BannedNetworks::new(&networks).expect("at most one");
                tracker.update(&AccessUpdate::UseNetworks(Arc::new(networks)));
            }
        }
    }
}

fn key(number: u8) -> AuthenticationKey {
    AuthenticationKey::parse(key_text(number).as_bytes()).expect("32 digits")
}
