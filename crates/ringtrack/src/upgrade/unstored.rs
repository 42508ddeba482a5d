//! What the predecessor has in memory only: temporary bans, and without a database everything that came over the management API.

use super::limits::PAGE_ENTRIES;
use super::protocol::{BannedName, Unstored, UnstoredKey};
use config::Configuration;
use control::Manager;
use control::management::{
    Ban, BanEnd, Banned, KeyInfo, ListPlace, Management, StorageState, StoredBan, TemporaryBan,
};
use database::StoredKey;
use primitives::{AuthenticationKey, InfoHash, ListChange, PeerIdPrefix, TorrentList};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::warn;

/// Returns all of it.
pub(super) async fn collect(
    manager: &Manager,
    configuration: &Configuration,
) -> anyhow::Result<Vec<Unstored>> {
    let is_stored = Management::storage(manager).state != StorageState::Absent;
    let bans = manager.bans().all().await.into_iter();
    let mut all: Vec<_> = bans.filter(|ban| !is_stored || ban.end.is_some()).map(of_ban).collect();
    if is_stored {
        return Ok(all);
    }
    let mut after = None;
    loop {
        let page = manager.keys().page(after, PAGE_ENTRIES);
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        all.push(Unstored::Keys(page.iter().map(of_key).collect()));
    }
    for list in TorrentList::ALL {
        let file = match list {
            TorrentList::Allowed => &configuration.access.allow_file,
            TorrentList::Denied => &configuration.access.deny_file,
        };
        if file.is_some() {
            warn!(
                ?list,
                "changes of a list over the management API are lost: there is no database, and it has a file"
            );
        } else {
            collect_list(manager, list, &mut all).await?;
        }
    }
    Ok(all)
}

async fn collect_list(manager: &Manager, list: TorrentList, all: &mut Vec<Unstored>) -> anyhow::Result<()> {
    let mut from = Some(ListPlace::default());
    while let Some(place) = from {
        let page = manager.lists().page(list, Some(place), PAGE_ENTRIES).await?;
        let torrents = page.torrents.iter().map(|info_hash| info_hash.0).collect();
        all.push(Unstored::Torrents { is_denied: list == TorrentList::Denied, torrents });
        from = page.next;
    }
    Ok(())
}

/// Applies one part of it. What is not understood, or does not fit, is left out.
pub(super) async fn apply(manager: &Manager, unstored: Unstored) {
    let applied = match unstored {
        Unstored::Ban { banned, reason, since_unix_s, seconds } => {
            let Some(banned) = read_banned(&banned) else { return };
            match (banned, seconds) {
                (Banned::Network(network), Some(seconds)) => {
                    let duration = Duration::from_secs(seconds);
                    manager.bans().add_temporary(TemporaryBan { network, reason, duration }).await
                }
                (banned, _) => manager.bans().add(StoredBan { banned, reason, since_unix_s }).await,
            }
        }
        Unstored::Keys(keys) => {
            manager.add_unstored_keys(&keys.iter().filter_map(read_key).collect::<Vec<_>>()).await
        }
        Unstored::Torrents { is_denied, torrents } => {
            let list = if is_denied { TorrentList::Denied } else { TorrentList::Allowed };
            let torrents = torrents.into_iter().map(InfoHash).collect();
            manager.lists().change(list, ListChange::Add, torrents).await
        }
    };
    if let Err(error) = applied {
        warn!("some of what the tracker before this one had in memory is lost: {error}");
    }
}

fn of_ban(Ban { banned, reason, since_unix_s, end }: Ban) -> Unstored {
    let banned = match banned {
        Banned::Network(network) => BannedName::Network(network.to_string()),
        Banned::Client(prefix) => BannedName::Client(prefix.as_str().to_owned()),
    };
    let now_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seconds = end.map(|BanEnd { unix_s, .. }| unix_s.saturating_sub(now_unix_s).max(1));
    Unstored::Ban { banned, reason, since_unix_s, seconds }
}

fn read_banned(banned: &BannedName) -> Option<Banned> {
    match banned {
        BannedName::Network(network) => Some(Banned::Network(network.parse().ok()?)),
        BannedName::Client(prefix) => Some(Banned::Client(PeerIdPrefix::parse(prefix)?)),
    }
}

fn of_key(info: &KeyInfo) -> UnstoredKey {
    let KeyInfo { key, valid_until_unix_s, uploaded, downloaded, last_seen_unix_s, .. } = *info;
    UnstoredKey { key: key.reveal().to_owned(), valid_until_unix_s, uploaded, downloaded, last_seen_unix_s }
}

fn read_key(key: &UnstoredKey) -> Option<StoredKey> {
    let UnstoredKey { valid_until_unix_s, uploaded, downloaded, last_seen_unix_s, .. } = *key;
    let key = AuthenticationKey::parse(key.key.as_bytes())?;
    Some(StoredKey { key, valid_until_unix_s, uploaded, downloaded, last_seen_unix_s })
}
