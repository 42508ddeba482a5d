use crate::accounts::AccountChange;
use crate::clients::ClientRules;
use crate::key_table::KeyGrant;
use crate::networks::BannedNetworks;
use crate::torrent_table::{ListedTorrent, TorrentTablePlace};
use primitives::{AuthenticationKey, InfoHash, ListChange, ListSource, Reply, TorrentList};
use std::sync::Arc;

/// Asks a core for a page of its part of a list.
#[derive(Debug)]
pub struct ListQuery {
    /// The list.
    pub list: TorrentList,
    /// Where the page before ended.
    pub from: TorrentTablePlace,
    /// Torrents that are told at most.
    pub torrents_max: usize,
    /// Takes the page.
    pub answer: Reply<ListedPage>,
}

/// A page of a core's part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage {
    /// The torrents.
    pub torrents: Vec<ListedTorrent>,
    /// Where to go on, if there may be more.
    pub next: Option<TorrentTablePlace>,
}

/// What a core tells the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreEvent {
    /// What was done with keys since it was last told.
    Accounts(Vec<AccountChange>),
    /// How often torrents were completed in all.
    Completed(Vec<(InfoHash, u64)>),
}

/// A change that the control plane sends to all cores. Long ones are shared; a core takes them over in bounded steps.
#[derive(Debug, Clone)]
pub enum AccessUpdate {
    /// A source's part of a list is sent anew: what is added by it from here to the end is all that it has.
    BeginList(TorrentList, ListSource),
    /// Torrents are put on a list or taken off.
    ChangeList(ListChange, TorrentList, ListSource, Arc<[InfoHash]>),
    /// All that the source has was sent.
    EndList(TorrentList, ListSource),
    /// Stored counts of completed events.
    RememberCompleted(Arc<[(InfoHash, u64)]>),
    /// All stored counts were sent. From here on the cores tell counts, which now have what is stored in them.
    EndCompleted,
    /// The keys are sent anew: what is put from here to the end is all that there are.
    BeginKeys,
    /// Keys become valid, or get another number or time.
    PutKeys(Arc<[KeyGrant]>),
    /// All keys were sent.
    EndKeys,
    /// Keys are not valid any more.
    RemoveKeys(Arc<[AuthenticationKey]>),
    /// Which client software is served from now on.
    UseClients(Arc<ClientRules>),
    /// Which networks are not served from now on.
    UseNetworks(Arc<BannedNetworks>),
}
