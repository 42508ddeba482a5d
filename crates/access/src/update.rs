use crate::clients::ClientRules;
use crate::key_ring::KeyGrant;
use crate::networks::BannedNetworks;
use primitives::{AuthenticationKey, InfoHash, ListChange, ListSource, TorrentList};
use std::sync::Arc;

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
    RememberCompleted(Arc<[(InfoHash, u32)]>),
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
