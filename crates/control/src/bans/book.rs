use super::temporary::{BanTerms, SourceBan, TemporaryBans, wider};
use super::{AppliedBan, Ban, Banned, StoredBan, TemporaryBan};
use crate::management::ManagementError;
use crate::time::Moment;
use access::{BannedNetworks, ClientRules};
use ipnet::IpNet;
use primitives::PeerIdPrefix;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The bans, beside the fixed rules of the configuration. Of a network there is a stored or a temporary ban, not both.
#[derive(Debug, Clone, Default)]
pub(crate) struct BanBook {
    configured: ConfiguredRules,
    stored: BTreeMap<Banned, StoredBan>,
    temporary: TemporaryBans,
}

/// The rules of the configuration for clients and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfiguredRules {
    /// Client software that is served; all if empty.
    pub allowed_clients: Vec<PeerIdPrefix>,
    pub denied_clients: Vec<PeerIdPrefix>,
    pub denied_networks: Vec<IpNet>,
    pub temporary_bans_max: usize,
}

/// The resulting rules, as the cores apply them.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) clients: ClientRules,
    pub(crate) networks: BannedNetworks,
}

impl BanBook {
    pub(crate) const fn new(configured: ConfiguredRules) -> Self {
        Self { configured, stored: BTreeMap::new(), temporary: TemporaryBans::new() }
    }

    pub(crate) fn use_configured(&mut self, configured: ConfiguredRules) {
        self.configured = configured;
    }

    /// Returns all bans, the temporary ones first.
    pub(crate) fn bans(&self) -> Vec<Ban> {
        let stored = self.stored.values().cloned().map(|StoredBan { banned, reason, since_unix_s }| Ban {
            banned,
            reason,
            since_unix_s,
            end: None,
        });
        self.temporary.bans().chain(stored).collect()
    }

    /// Returns the ban that applies to a network: its own, or that of a wider one. Of several, a configured one comes before a
    /// stored one, and a temporary one is the last.
    pub(crate) fn applied(&self, network: IpNet) -> Option<AppliedBan> {
        let configured = self.configured.denied_networks.iter().find(|denied| denied.contains(&network));
        let stored = || wider(network).find(|wider| self.is_stored(&Banned::Network(*wider)));
        configured
            .map(|denied| AppliedBan::Configured(*denied))
            .or_else(|| stored().map(AppliedBan::Stored))
            .or_else(|| self.temporary.applied(network))
    }

    /// Returns the numbers of stored and of temporary bans.
    pub(crate) fn counts(&self) -> [usize; 2] {
        [self.stored.len(), self.temporary.len()]
    }

    /// Adds a stored ban, in place of one of the same client or network.
    pub(crate) fn add(&mut self, ban: StoredBan) -> Result<Rules, ManagementError> {
        self.lift(&ban.banned);
        self.load([ban]);
        self.rules()
    }

    /// Adds the temporary ban of an operator, in place of one of the same network.
    pub(crate) fn add_temporary(&mut self, ban: TemporaryBan, now: Moment) -> Result<Rules, ManagementError> {
        self.lift(&Banned::Network(ban.network));
        self.temporary.add(ban, self.configured.temporary_bans_max, now);
        self.rules()
    }

    /// Bans a source for its requests, and returns for how long; `None` if it is banned already.
    pub(crate) fn ban_source(&mut self, ban: SourceBan, terms: BanTerms, now: Moment) -> Option<Duration> {
        if self.applied(ban.network).is_some() {
            return None;
        }
        Some(self.temporary.ban_source(ban, terms, self.configured.temporary_bans_max, now))
    }

    /// Ends the temporary bans whose time has passed. Returns whether there were any.
    pub(crate) fn end_expired(&mut self, now: Instant) -> bool {
        self.temporary.end_expired(now)
    }

    /// Lifts a ban. Returns whether there was one.
    pub(crate) fn lift(&mut self, banned: &Banned) -> bool {
        let was_temporary = match banned {
            Banned::Network(network) => self.temporary.lift(network),
            Banned::Client(_) => false,
        };
        self.stored.remove(banned).is_some() || was_temporary
    }

    pub(crate) fn is_stored(&self, banned: &Banned) -> bool {
        self.stored.contains_key(banned)
    }

    /// Adds the stored bans.
    pub(crate) fn load(&mut self, stored: impl IntoIterator<Item = StoredBan>) {
        self.stored.extend(stored.into_iter().map(|ban| (ban.banned, ban)));
    }

    /// Returns the resulting rules. The networks begin with the temporary bans, the one set last first.
    pub(crate) fn rules(&self) -> Result<Rules, ManagementError> {
        let mut denied = self.configured.denied_clients.clone();
        let mut networks = self.temporary.networks();
        networks.extend(&self.configured.denied_networks);
        for banned in self.stored.keys() {
            match banned {
                Banned::Client(prefix) => denied.push(*prefix),
                Banned::Network(network) => networks.push(*network),
            }
        }
        let clients = ClientRules::new(&self.configured.allowed_clients, &denied)
            .map_err(|_| ManagementError::Full("there are as many bans of clients as there may be"))?;
        let networks = BannedNetworks::new(&networks)
            .map_err(|_| ManagementError::Full("there are as many bans of networks as there may be"))?;
        Ok(Rules { clients, networks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::PeerId;

    fn ban(banned: Banned, reason: &str) -> StoredBan {
        StoredBan { banned, reason: reason.to_owned(), since_unix_s: 1 }
    }

    fn network(text: &str) -> Banned {
        Banned::Network(text.parse().unwrap())
    }

    fn client(text: &str) -> Banned {
        Banned::Client(PeerIdPrefix::parse(text).unwrap())
    }

    #[test]
    fn bans_are_added_to_the_configured_rules_and_lifted_again() {
        let configured = ConfiguredRules {
            allowed_clients: Vec::new(),
            denied_clients: vec![PeerIdPrefix::parse("-XL").unwrap()],
            denied_networks: vec!["192.0.2.0/24".parse().unwrap()],
            temporary_bans_max: 10,
        };
        let mut book = BanBook::new(configured);
        book.add(ban(client("-qB"), "old")).unwrap();
        let rules = book.add(ban(network("2001:db8::/32"), "flood")).unwrap();
        let qbittorrent = PeerId(*b"-qB4650-abcdefghijkl");
        assert!(!rules.clients.admits(&qbittorrent));
        assert!(rules.networks.contains("2001:db8::1".parse().unwrap()));
        assert!(book.lift(&network("2001:db8::/32")) && book.lift(&client("-qB")));
        let rules = book.rules().unwrap();
        assert!(rules.clients.admits(&qbittorrent));
        assert!(!rules.clients.admits(&PeerId(*b"-XL0012-abcdefghijkl")));
        assert!(rules.networks.contains("192.0.2.9".parse().unwrap()));
        assert!(!rules.networks.contains("2001:db8::1".parse().unwrap()));
        assert!(!book.lift(&client("-XL")), "a configured rule cannot be lifted");
    }

    #[test]
    fn a_repeated_ban_has_the_new_reason() {
        let mut book = BanBook::default();
        book.add(ban(client("-qB"), "old")).unwrap();
        book.add(ban(client("-qB"), "broken")).unwrap();
        let reasons: Vec<_> = book.bans().into_iter().map(|ban| ban.reason).collect();
        assert_eq!(reasons, ["broken"]);
    }

    #[test]
    fn a_network_has_one_ban_and_the_last_one_of_an_operator_stays() {
        let banned: IpNet = "192.0.2.7/32".parse().unwrap();
        let duration = Duration::from_secs(60);
        let source = || SourceBan { network: banned, reason: "a flood".to_owned() };
        let terms = BanTerms { first: duration, longest: duration };
        let mut book = BanBook::new(ConfiguredRules { temporary_bans_max: 10, ..ConfiguredRules::default() });
        let is_banned = |rules: Rules| rules.networks.contains(banned.addr());
        let (stored, now) = (ban(Banned::Network(banned), "for ever"), Moment::now());

        assert!(is_banned(book.add(stored.clone()).unwrap()));
        assert_eq!(book.ban_source(source(), terms, now), None, "a stored ban is stronger");
        let by_operator = TemporaryBan { network: banned, reason: "for an hour".to_owned(), duration };
        assert!(is_banned(book.add_temporary(by_operator, now).unwrap()));
        assert_eq!(book.counts(), [0, 1]);
        assert_eq!(book.ban_source(source(), terms, now), None, "so is an operator's");
        book.add(stored).unwrap();
        assert_eq!(book.counts(), [1, 0]);
        assert!(book.lift(&Banned::Network(banned)));

        assert_eq!(book.ban_source(source(), terms, now), Some(duration));
        assert!(is_banned(book.rules().unwrap()));
        assert!(book.end_expired(now.instant + duration) && !is_banned(book.rules().unwrap()));
    }

    #[test]
    fn the_ban_that_lasts_longest_of_those_that_apply_is_shown() {
        let [configured, stored, temporary] =
            ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"].map(|network| network.parse::<IpNet>().unwrap());
        let source: IpNet = "10.1.2.3/32".parse().unwrap();
        let rules = ConfiguredRules { temporary_bans_max: 10, ..ConfiguredRules::default() };
        let now = Moment { unix_s: 1000, ..Moment::now() };
        let mut book = BanBook::new(rules.clone());
        assert_eq!(book.applied(source), None);
        let duration = Duration::from_secs(60);
        let by_operator = TemporaryBan { network: temporary, reason: String::new(), duration };
        book.add_temporary(by_operator, now).unwrap();
        let until = AppliedBan::Temporary { network: temporary, end_unix_s: 1060 };
        assert_eq!(book.applied(source), Some(until));
        book.add(ban(Banned::Network(stored), "")).unwrap();
        assert_eq!(book.applied(source), Some(AppliedBan::Stored(stored)));
        book.use_configured(ConfiguredRules { denied_networks: vec![configured], ..rules });
        assert_eq!(book.applied(source), Some(AppliedBan::Configured(configured)));
        assert_eq!(book.applied("11.1.2.3/32".parse().unwrap()), None);
    }

    #[test]
    fn bans_beyond_the_limit_are_refused() {
        let mut book = BanBook::default();
        for number in 0..256 {
            book.add(ban(client(&format!("c{number}")), "")).unwrap();
        }
        assert!(book.add(ban(client("c7"), "again")).is_ok());
        assert!(matches!(book.add(ban(client("c256"), "")), Err(ManagementError::Full(_))));
    }
}
