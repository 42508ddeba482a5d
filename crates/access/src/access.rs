use crate::accounts::{AccountChange, Accounts, SessionReport};
use crate::clients::{ClientRefused, ClientRules};
use crate::details::PeerDetailsTable;
use crate::key_table::{KeyRefusal, KeyTable};
use crate::limits::{KEY_PARTS_PER_TURN, LIFETIME_PARTS_PER_TURN, TORRENT_TABLE_PARTS_PER_TURN};
use crate::networks::{BannedNetworks, NetworkRefused};
use crate::parted_map::Sweep;
use crate::policy::{
    AccessBounds, AccessPolicy, CompletedCounts, DetailsKept, Shortfalls, TorrentAdmission, TorrentRefusal,
    UserAdmission,
};
use crate::recent_completions::{CompletedDownload, RecentCompletions};
use crate::torrent_table::{ListStatus, TorrentTable};
use core::net::IpAddr;
use primitives::{
    AddressRanges, AuthenticationKey, ChangeLog, ChangesLost, ClockShift, ImportVerdict, Imported, InfoHash,
    KeyId, PeerAddress, PeerDetails, PeerId, Second, StatePage, TableSeed, TorrentList,
};
use std::sync::Arc;

/// The admission data of one core. The crate documentation describes its layout.
#[derive(Debug)]
pub struct Access {
    pub(crate) policy: AccessPolicy,
    pub(crate) torrent_table: TorrentTable,
    pub(crate) keys: KeyTable,
    pub(crate) accounts: Accounts,
    details: PeerDetailsTable,
    recent_completions: RecentCompletions,
    /// None: all clients are served.
    pub(crate) clients: Option<Arc<ClientRules>>,
    /// None: all networks are served.
    pub(crate) networks: Option<Arc<BannedNetworks>>,
    pub(crate) shortfalls: Shortfalls,
}

impl Access {
    /// Creates the data of a core without lists, keys and rules.
    ///
    /// # Panics
    /// If a limit is above the maximum that its field documents.
    pub fn new(policy: AccessPolicy, bounds: &AccessBounds, seed: TableSeed) -> Self {
        Self {
            policy,
            torrent_table: TorrentTable::new(bounds.torrent_table, seed),
            keys: KeyTable::new(bounds.keys_max, seed),
            accounts: Accounts::new(bounds.accounts, seed),
            details: PeerDetailsTable::new(bounds.details, seed),
            recent_completions: RecentCompletions::new(seed),
            clients: None,
            networks: None,
            shortfalls: Shortfalls::default(),
        }
    }

    /// Which users and torrents are served, and which data is recorded.
    pub const fn policy(&self) -> AccessPolicy {
        self.policy
    }

    /// Replaces the policy and the limits. Entries beyond lower limits stay, and new ones are rejected until there is room.
    ///
    /// # Panics
    /// If a limit is above the maximum that its field documents.
    pub fn use_settings(&mut self, policy: AccessPolicy, bounds: &AccessBounds) {
        let AccessBounds { torrent_table, keys_max, accounts, mut details } = *bounds;
        if policy.details == DetailsKept::Dropped {
            // The sweeps remove what was kept.
            details.lifetime_s = 0;
        }
        self.policy = policy;
        self.torrent_table.use_bounds(torrent_table);
        self.keys.use_limit(keys_max);
        self.accounts.use_bounds(accounts);
        self.details.use_bounds(details);
    }

    /// Whether anything about announcing clients is recorded.
    pub fn keeps_peer_reports(&self) -> bool {
        self.policy.users == UserAdmission::Private || self.policy.details == DetailsKept::Kept
    }

    /// Returns how often a torrent was completed, if counts are remembered; 0 for a torrent that is not served.
    pub fn completed(&self, info_hash: &InfoHash) -> Option<u64> {
        match self.policy.completed {
            CompletedCounts::Remembered => Some(self.torrent(info_hash).unwrap_or(0)),
            CompletedCounts::Forgotten => None,
        }
    }

    /// Checks that a torrent is served. Returns how often it was completed, as far as counts are remembered.
    ///
    /// # Errors
    /// If it is denied, or not on the list of allowed torrents where only those are served.
    pub fn torrent(&self, info_hash: &InfoHash) -> Result<u64, TorrentRefusal> {
        served(self.policy.torrents, &self.torrent_table, info_hash)
    }

    /// Checks that a user is admitted. Returns the number of the key, or `None` on a public tracker.
    ///
    /// # Errors
    /// If the tracker is private and the key is missing or not valid.
    pub fn key(&self, now_unix_s: u64, key: Option<&AuthenticationKey>) -> Result<Option<KeyId>, KeyRefusal> {
        match self.policy.users {
            UserAdmission::Public => Ok(None),
            UserAdmission::Private => self.keys.check(now_unix_s, key.ok_or(KeyRefusal::Missing)?).map(Some),
        }
    }

    /// Checks that the client software with this peer id is served.
    ///
    /// # Errors
    /// If the rules refuse it.
    pub fn client(&self, peer_id: &PeerId) -> Result<(), ClientRefused> {
        match &self.clients {
            Some(rules) if !rules.admits(peer_id) => Err(ClientRefused),
            _ => Ok(()),
        }
    }

    /// Checks that an address is served.
    ///
    /// # Errors
    /// If it is in a banned network.
    pub fn network(&self, ip: IpAddr) -> Result<(), NetworkRefused> {
        match &self.networks {
            Some(networks) if networks.contains(ip) => Err(NetworkRefused),
            _ => Ok(()),
        }
    }

    /// Returns the banned addresses that the kernel can filter.
    pub fn filtered_networks(&self) -> Arc<AddressRanges> {
        self.networks.as_ref().map(|networks| Arc::clone(networks.filtered())).unwrap_or_default()
    }

    /// Whether a reported download was counted recently over another family. True once per counted download and family.
    pub fn was_counted_over_another_family(&mut self, now: Second, download: &CompletedDownload) -> bool {
        self.recent_completions.take_twin(now, download)
    }

    /// Records a counted download, in case it is reported over another family too.
    pub fn note_completed(&mut self, now: Second, download: CompletedDownload) {
        self.recent_completions.note(now, download);
    }

    /// Counts a completed event, if counts are remembered. Returns the new count, or `None` if it was not counted.
    pub fn count_completed(&mut self, info_hash: &InfoHash) -> Option<u64> {
        if self.policy.completed == CompletedCounts::Forgotten {
            return None;
        }
        let counted = self.torrent_table.count_completed(info_hash);
        self.shortfalls.completed_counts += u64::from(counted.is_err());
        counted.ok()
    }

    /// Prefetches the session of a user's client that is about to report. Of several in a row, the cache misses overlap.
    pub fn prefetch_session(&self, key: KeyId, info_hash: &InfoHash, peer_id: &PeerId) {
        self.accounts.prefetch(key, info_hash, peer_id);
    }

    /// Records what a user's client reports.
    pub fn note_session(&mut self, now: Second, report: &SessionReport) {
        self.shortfalls.session_reports += u64::from(self.accounts.note(now, report).is_err());
    }

    /// Appends the records of the sessions to `out`, from a part of their table on: about 64 KiB. Returns the part to continue
    /// with, if there are more.
    pub fn export_sessions(&mut self, from: u32, out: &mut Vec<u8>) -> Option<u32> {
        self.accounts.export(from, out)
    }

    /// Begins to record what clients report of sessions that are exported from now on. What was recorded is discarded. Sessions that
    /// end in silence do so wherever they were imported too.
    pub fn record_session_changes(&mut self) {
        self.accounts.record_changes();
    }

    /// Discards what was recorded, and records no more.
    pub fn forget_session_changes(&mut self) {
        self.accounts.log = ChangeLog::Off;
    }

    /// Takes the records of the changes since the last call.
    ///
    /// # Errors
    /// If they were not recorded, or were more than the core may hold. Then they are not recorded any more.
    pub fn take_session_changes(&mut self) -> Result<Vec<u8>, ChangesLost> {
        self.accounts.log.take()
    }

    /// Imports the sessions of a page, as far as their torrents are owned and served and there is room. Each is reported as one
    /// that began, without transfers: the next report of its client is accounted from where it was. A session that its client has
    /// reported here since stays as it is.
    ///
    /// The numbers of keys are those of this process. The control plane leaves out the sessions of keys that it does not know;
    /// if one is removed meanwhile, its sessions end in silence. On a public tracker there are no sessions.
    ///
    /// A malformed record ends the page.
    pub fn import_sessions(
        &mut self,
        now: Second,
        page: &StatePage,
        shift: ClockShift,
        owns: impl Fn(&InfoHash) -> bool,
    ) -> Imported {
        let Self { policy, torrent_table, accounts, .. } = self;
        if policy.users == UserAdmission::Public {
            return Imported::default();
        }
        accounts.import(now, page, shift, |info_hash| {
            match served(policy.torrents, torrent_table, info_hash) {
                _ if !owns(info_hash) => ImportVerdict::NotOwned,
                Err(_) => ImportVerdict::NotServed,
                Ok(_) => ImportVerdict::Import,
            }
        })
    }

    /// Records the details of a peer, if the policy wants them.
    pub fn note_details(
        &mut self,
        now: Second,
        info_hash: &InfoHash,
        address: PeerAddress,
        details: &PeerDetails,
    ) {
        if self.policy.details == DetailsKept::Kept {
            let noted = self.details.note(now, info_hash, address, details);
            self.shortfalls.peer_details += u64::from(noted.is_err());
        }
    }

    /// Whether the peer that is listed at this address is known to have another peer id.
    pub fn is_of_another(&self, info_hash: &InfoHash, address: PeerAddress, peer_id: &PeerId) -> bool {
        self.details.get(info_hash, address).is_some_and(|listed| listed.peer_id != *peer_id)
    }

    /// Removes the details of a peer.
    pub fn forget_details(&mut self, info_hash: &InfoHash, address: PeerAddress) {
        if self.policy.details == DetailsKept::Kept {
            self.details.remove(info_hash, address);
        }
    }

    /// Takes counts that are to be stored.
    pub fn take_completed(&mut self, max: usize, out: &mut Vec<(InfoHash, u64)>) {
        self.torrent_table.take_dirty(max, out);
    }

    /// Marks counts that could not be sent as changed again.
    pub fn return_completed(&mut self, counts: &[(InfoHash, u64)]) {
        self.torrent_table.mark_dirty_again(counts);
    }

    /// Takes accounts that have changed.
    pub fn take_events(&mut self, max: usize, out: &mut Vec<AccountChange>) {
        self.accounts.take_events(max, out);
    }

    /// Returns changes that could not be sent, so that they are taken again.
    pub fn return_events(&mut self, changes: &[AccountChange]) {
        self.accounts.give_back(changes);
    }

    /// Runs a bounded piece of all sweeps, about 100 us, fifty times a second. `off` is called with torrents that are
    /// no longer admitted. Returns [`Sweep::More`] while entries that a reload left out remain.
    pub fn turn(&mut self, now: Second, off: &mut impl FnMut(InfoHash)) -> Sweep {
        let torrents = self.policy.torrents;
        let of_lists = self.torrent_table.sweep(TORRENT_TABLE_PARTS_PER_TURN, &mut |list, info_hash| {
            if list == TorrentList::Allowed && torrents == TorrentAdmission::Listed {
                off(info_hash);
            }
        });
        let accounts = &mut self.accounts;
        let of_keys = self.keys.sweep(KEY_PARTS_PER_TURN, &mut |key| accounts.remove_key(key));
        self.accounts.sweep(now, LIFETIME_PARTS_PER_TURN);
        self.details.sweep(now, LIFETIME_PARTS_PER_TURN);
        of_lists.and(of_keys)
    }

    /// The torrents on the lists, with their counts.
    pub const fn torrent_table(&self) -> &TorrentTable {
        &self.torrent_table
    }

    /// The details of peers.
    pub const fn details(&self) -> &PeerDetailsTable {
        &self.details
    }

    /// Entries rejected because a limit was reached.
    pub const fn shortfalls(&self) -> Shortfalls {
        self.shortfalls
    }

    /// Heap memory in bytes, without the rules that all cores share. It visits all parts of all tables, about 20 us,
    /// so it is not for each request.
    pub fn heap_bytes(&self) -> usize {
        self.torrent_table.heap_bytes()
            + self.keys.heap_bytes()
            + self.accounts.heap_bytes()
            + self.details.heap_bytes()
            + self.recent_completions.heap_bytes()
    }
}

/// Checks that a torrent is served. Returns how often it was completed.
fn served(
    torrents: TorrentAdmission,
    torrent_table: &TorrentTable,
    info_hash: &InfoHash,
) -> Result<u64, TorrentRefusal> {
    let ListStatus { on, completed } = torrent_table.list_status(info_hash);
    if on.has_list(TorrentList::Denied) {
        return Err(TorrentRefusal::Denied(*info_hash));
    }
    match torrents {
        TorrentAdmission::Listed if !on.has_list(TorrentList::Allowed) => {
            Err(TorrentRefusal::NotListed(*info_hash))
        }
        TorrentAdmission::Any | TorrentAdmission::Listed => Ok(completed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BOUNDS, access, hash, key, policy};
    use crate::update::AccessUpdate;
    use crate::{AccountBounds, KeyGrant};
    use ListChange::{Add, Remove};
    use ListSource::{Api, File};
    use TorrentList::{Allowed, Denied};
    use primitives::{AnnounceEvent, ListChange, ListSource, PeerIdPrefix, PeerStatus};

    const LISTED: AccessPolicy = policy(UserAdmission::Public, TorrentAdmission::Listed);
    const PUBLIC: AccessPolicy = policy(UserAdmission::Public, TorrentAdmission::Any);
    const PRIVATE: AccessPolicy = policy(UserAdmission::Private, TorrentAdmission::Any);

    /// Applies a whole update. Returns the torrents that are no longer admitted.
    fn apply(access: &mut Access, update: &AccessUpdate) -> Vec<InfoHash> {
        let (mut off, mut from) = (Vec::new(), Some(0));
        while let Some(position) = from {
            from = access.apply(update, position, |_| true, &mut |info_hash| off.push(info_hash));
        }
        off
    }

    fn change(access: &mut Access, change: ListChange, list: TorrentList, numbers: &[u32]) -> Vec<InfoHash> {
        let torrents = numbers.iter().map(|&number| hash(number)).collect();
        apply(access, &AccessUpdate::ChangeList(change, list, Api, torrents))
    }

    fn turn_until_done(access: &mut Access) -> Vec<InfoHash> {
        let mut off = Vec::new();
        while access.turn(Second(1), &mut |info_hash| off.push(info_hash)) == Sweep::More {}
        off
    }

    fn grant(number: u32) -> KeyGrant {
        KeyGrant { key: key(number), id: KeyId(number), valid_until_unix_s: Some(100) }
    }

    #[test]
    fn a_public_tracker_serves_all_torrents_that_are_not_denied() {
        let mut access = access(PUBLIC);
        assert_eq!(access.torrent(&hash(1)), Ok(0));
        assert_eq!(access.key(0, None), Ok(None));
        assert_eq!(access.key(0, Some(&key(1))), Ok(None));
        assert_eq!(change(&mut access, Add, Denied, &[1, 2]), [hash(1), hash(2)]);
        assert_eq!(access.torrent(&hash(1)), Err(TorrentRefusal::Denied(hash(1))));
        assert_eq!(access.torrent(&hash(3)), Ok(0));
        assert_eq!(change(&mut access, Remove, Denied, &[1]), []);
        assert_eq!(access.torrent(&hash(1)), Ok(0));
    }

    #[test]
    fn a_public_tracker_keeps_the_swarms_of_torrents_taken_off_the_allowed_list() {
        let mut access = access(PUBLIC);
        change(&mut access, Add, Allowed, &[1]);
        assert_eq!(change(&mut access, Remove, Allowed, &[1]), []);
        apply(&mut access, &AccessUpdate::BeginList(Allowed, Api));
        change(&mut access, Add, Allowed, &[2]);
        apply(&mut access, &AccessUpdate::BeginList(Allowed, Api));
        apply(&mut access, &AccessUpdate::EndList(Allowed, Api));
        assert_eq!(turn_until_done(&mut access), []);
        assert_eq!(access.torrent_table().len(Allowed), 0);
    }

    #[test]
    fn a_listed_tracker_serves_torrents_that_are_allowed_and_not_denied() {
        let mut access = access(LISTED);
        assert_eq!(access.torrent(&hash(1)), Err(TorrentRefusal::NotListed(hash(1))));
        assert_eq!(change(&mut access, Add, Allowed, &[1, 2]), []);
        assert_eq!(access.torrent(&hash(1)), Ok(0));
        assert_eq!(change(&mut access, Add, Denied, &[1]), [hash(1)]);
        assert_eq!(access.torrent(&hash(1)), Err(TorrentRefusal::Denied(hash(1))));
        assert_eq!(change(&mut access, Remove, Allowed, &[2, 3]), [hash(2)]);
        assert_eq!(access.torrent(&hash(2)), Err(TorrentRefusal::NotListed(hash(2))));
    }

    #[test]
    fn torrents_left_out_of_a_reloaded_list_are_removed_turn_by_turn() {
        let mut access = access(LISTED);
        let file = |numbers: core::ops::Range<u32>| {
            AccessUpdate::ChangeList(Add, Allowed, File, numbers.map(hash).collect())
        };
        apply(&mut access, &file(0..10));
        change(&mut access, Add, Allowed, &[0]);
        apply(&mut access, &AccessUpdate::BeginList(Allowed, File));
        apply(&mut access, &file(5..12));
        assert_eq!(access.torrent(&hash(1)), Ok(0), "the old ones are served until the end");
        apply(&mut access, &AccessUpdate::EndList(Allowed, File));
        let mut off = turn_until_done(&mut access);
        off.sort_unstable();
        let mut expected: Vec<_> = (1..5).map(hash).collect();
        expected.sort_unstable();
        assert_eq!(off, expected);
    }

    #[test]
    fn a_private_tracker_admits_users_with_a_valid_key() {
        let mut access = access(PRIVATE);
        apply(&mut access, &AccessUpdate::PutKeys([1, 2].map(grant).into()));
        assert_eq!(access.key(99, Some(&key(1))), Ok(Some(KeyId(1))));
        assert_eq!(access.key(100, Some(&key(1))), Err(KeyRefusal::Expired));
        assert_eq!(access.key(99, Some(&key(3))), Err(KeyRefusal::Unknown));
        assert_eq!(access.key(99, None), Err(KeyRefusal::Missing));
        apply(&mut access, &AccessUpdate::RemoveKeys([key(1)].into()));
        assert_eq!(access.key(99, Some(&key(1))), Err(KeyRefusal::Unknown));
    }

    fn report(key: u32) -> SessionReport {
        SessionReport {
            info_hash: hash(1),
            key: KeyId(key),
            peer_id: PeerId([b'a'; 20]),
            uploaded: 0,
            downloaded: 0,
            status: PeerStatus::Leecher,
            event: AnnounceEvent::Started,
        }
    }

    #[test]
    fn the_sessions_of_keys_end_when_the_keys_are_removed_or_left_out_of_a_reload() {
        let mut access = access(PRIVATE);
        apply(&mut access, &AccessUpdate::PutKeys([1, 2, 3].map(grant).into()));
        for key in 1..=3 {
            access.note_session(Second(1), &report(key));
        }
        apply(&mut access, &AccessUpdate::RemoveKeys([key(1)].into()));
        apply(&mut access, &AccessUpdate::BeginKeys);
        apply(&mut access, &AccessUpdate::PutKeys([grant(2)].into()));
        apply(&mut access, &AccessUpdate::EndKeys);
        assert_eq!(turn_until_done(&mut access), []);
        for _ in 0..1024 {
            access.turn(Second(1), &mut |_| ());
        }
        assert_eq!((access.keys.len(), access.accounts.sessions()), (1, 1));
    }

    #[test]
    fn clients_and_networks_are_refused_by_the_latest_rules() {
        let mut access = access(PUBLIC);
        let (peer_id, ip) = (PeerId(*b"-qB4650-abcdefghijkl"), IpAddr::from([192, 0, 2, 1]));
        assert_eq!((access.client(&peer_id), access.network(ip)), (Ok(()), Ok(())));
        let rules = ClientRules::new(&[], &[PeerIdPrefix::parse("-qB").unwrap()]).unwrap();
        let networks = BannedNetworks::new(&["192.0.2.0/24".parse().unwrap()]).unwrap();
        apply(&mut access, &AccessUpdate::UseClients(Arc::new(rules)));
        apply(&mut access, &AccessUpdate::UseNetworks(Arc::new(networks)));
        assert_eq!((access.client(&peer_id), access.network(ip)), (Err(ClientRefused), Err(NetworkRefused)));
        assert_eq!(access.client(&PeerId([b'x'; 20])), Ok(()));
        apply(&mut access, &AccessUpdate::UseClients(Arc::default()));
        apply(&mut access, &AccessUpdate::UseNetworks(Arc::default()));
        assert!(access.clients.is_none() && access.networks.is_none());
    }

    #[test]
    fn completed_events_are_remembered_only_if_the_policy_says_so() {
        let stored = AccessUpdate::RememberCompleted([(hash(1), 41)].into());
        let mut remembering = access(AccessPolicy { completed: CompletedCounts::Remembered, ..PUBLIC });
        apply(&mut remembering, &stored);
        apply(&mut remembering, &AccessUpdate::EndCompleted);
        assert_eq!(remembering.count_completed(&hash(1)), Some(42));
        assert_eq!(remembering.torrent(&hash(1)), Ok(42));
        let mut counts = Vec::new();
        remembering.take_completed(10, &mut counts);
        assert_eq!(counts, [(hash(1), 42)]);
        let mut forgetting = access(PUBLIC);
        apply(&mut forgetting, &stored);
        assert_eq!(forgetting.count_completed(&hash(1)), None);
        assert!(forgetting.torrent_table().is_empty());
    }

    #[test]
    fn details_of_peers_are_kept_only_if_the_policy_says_so() {
        let address = PeerAddress::new([192, 0, 2, 1].into(), 6881).unwrap();
        let (peer_id, event) = (PeerId([b'a'; 20]), AnnounceEvent::None);
        let details = PeerDetails { peer_id, uploaded: 1, downloaded: 2, left: 3, event };
        for (kept, expected) in [(DetailsKept::Kept, 1), (DetailsKept::Dropped, 0)] {
            let mut access = access(AccessPolicy { details: kept, ..PUBLIC });
            access.note_details(Second(1), &hash(1), address, &details);
            assert_eq!(access.details().len(), expected);
            access.forget_details(&hash(1), address);
            assert!(access.details().is_empty());
        }
    }

    #[test]
    fn entries_rejected_because_a_limit_was_reached_are_counted() {
        let accounts = AccountBounds { sessions_max: 0, ..BOUNDS.accounts };
        let mut bounds = AccessBounds { keys_max: 1, accounts, ..BOUNDS };
        (bounds.torrent_table.entries_max, bounds.torrent_table.counted_max) = (1, 0);
        bounds.details.peers_max = 0;
        let policy = AccessPolicy { completed: CompletedCounts::Remembered, ..LISTED };
        let policy = AccessPolicy { details: DetailsKept::Kept, ..policy };
        let mut access = Access::new(policy, &bounds, TableSeed([1; 16]));
        change(&mut access, Add, Allowed, &[1, 2]);
        apply(&mut access, &AccessUpdate::RememberCompleted([(hash(3), 1)].into()));
        assert_eq!(access.count_completed(&hash(4)), None);
        apply(&mut access, &AccessUpdate::PutKeys([1, 2].map(grant).into()));
        access.note_session(Second(1), &report(1));
        let (peer_id, event) = (PeerId([b'a'; 20]), AnnounceEvent::None);
        let details = PeerDetails { peer_id, uploaded: 1, downloaded: 2, left: 3, event };
        access.note_details(
            Second(1),
            &hash(1),
            PeerAddress::new([192, 0, 2, 1].into(), 1).unwrap(),
            &details,
        );
        let expected = Shortfalls {
            listed_torrents: 1,
            completed_counts: 2,
            keys: 1,
            session_reports: 1,
            peer_details: 1,
        };
        assert_eq!(access.shortfalls(), expected);
    }

    #[test]
    fn an_empty_core_takes_288_kibibytes() {
        assert_eq!(access(PUBLIC).heap_bytes(), 131_072 + 5 * 32_768);
    }

    #[test]
    fn a_refusal_says_why_a_torrent_is_not_served() {
        let digits = hash(1).to_string();
        let not_listed = TorrentRefusal::NotListed(hash(1)).to_string();
        assert_eq!(not_listed, format!("The torrent: {digits}, is not whitelisted"));
        assert_eq!(
            TorrentRefusal::Denied(hash(1)).to_string(),
            format!("The torrent: {digits}, is banned here")
        );
    }
}
