use crate::accounts::AccountChange;
use crate::clients::ClientRules;
use crate::key_table::KeyGrant;
use crate::networks::BannedNetworks;
use crate::torrent_table::TorrentTablePlace;
use primitives::{AuthenticationKey, InfoHash, ListChange, ListSource, TorrentList};
use std::sync::Arc;

/// Selects a page of a core's part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListQuery {
    pub list: TorrentList,
    /// Where the previous page ended.
    pub from: TorrentTablePlace,
    pub torrents_max: usize,
}

/// A page of a core's part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage {
    pub torrents: Vec<InfoHash>,
    /// Where to continue, if there may be more.
    pub next: Option<TorrentTablePlace>,
}

/// What a core has recorded for the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessEvent {
    /// Changes of accounts since the last report.
    Accounts(Vec<AccountChange>),
    /// Total counts of completed events of torrents whose count has changed.
    Completed(Vec<(InfoHash, u64)>),
}

/// A change that the control plane sends to all cores. Long contents are shared; cores apply them in bounded steps.
#[derive(Debug, Clone)]
pub enum AccessUpdate {
    /// Begins a reload of a source's part of a list: what this source adds up to the end is all that it has.
    BeginList(TorrentList, ListSource),
    ChangeList(ListChange, TorrentList, ListSource, Arc<[InfoHash]>),
    EndList(TorrentList, ListSource),
    /// Stored counts of completed events.
    RememberCompleted(Arc<[(InfoHash, u64)]>),
    /// All stored counts were sent. From here on the cores report counts, because these include the stored ones.
    EndCompleted,
    /// Begins a reload of the keys: the keys that are put up to the end are all that exist.
    BeginKeys,
    /// Adds keys, or updates their number and expiry.
    PutKeys(Arc<[KeyGrant]>),
    EndKeys,
    RemoveKeys(Arc<[AuthenticationKey]>),
    UseClients(Arc<ClientRules>),
    UseNetworks(Arc<BannedNetworks>),
    /// Drops the swarms of torrents that are not served by the policy.
    DropUnserved,
}
