use super::{Ban, Banned};
use crate::management::ManagementError;
use access::{BannedNetworks, ClientRules};
use ipnet::IpNet;
use primitives::PeerIdPrefix;
use std::collections::BTreeMap;

/// The bans of the management API, beside the fixed rules of the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct BanBook {
    configured: ConfiguredRules,
    bans: BTreeMap<Banned, Ban>,
}

/// The rules of the configuration for clients and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfiguredRules {
    /// Client software that is served; all if empty.
    pub allowed_clients: Vec<PeerIdPrefix>,
    pub denied_clients: Vec<PeerIdPrefix>,
    pub denied_networks: Vec<IpNet>,
}

/// The resulting rules, as the cores apply them.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) clients: ClientRules,
    pub(crate) networks: BannedNetworks,
}

impl BanBook {
    pub(crate) const fn new(configured: ConfiguredRules) -> Self {
        Self { configured, bans: BTreeMap::new() }
    }

    pub(crate) fn use_configured(&mut self, configured: ConfiguredRules) {
        self.configured = configured;
    }

    pub(crate) fn bans(&self) -> Vec<Ban> {
        self.bans.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.bans.len()
    }

    /// Adds a ban, or replaces its reason.
    pub(crate) fn add(&mut self, ban: Ban) -> Result<Rules, ManagementError> {
        self.load([ban]);
        self.rules()
    }

    /// Lifts a ban. Returns whether there was one.
    pub(crate) fn lift(&mut self, banned: &Banned) -> bool {
        self.bans.remove(banned).is_some()
    }

    /// Adds the stored bans.
    pub(crate) fn load(&mut self, stored: impl IntoIterator<Item = Ban>) {
        self.bans.extend(stored.into_iter().map(|ban| (ban.banned, ban)));
    }

    pub(crate) fn rules(&self) -> Result<Rules, ManagementError> {
        let mut denied = self.configured.denied_clients.clone();
        let mut networks = self.configured.denied_networks.clone();
        for banned in self.bans.keys() {
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

    fn ban(banned: Banned, reason: &str) -> Ban {
        Ban { banned, reason: reason.to_owned(), since_unix_s: 1 }
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
        assert_eq!(book.bans(), [ban(client("-qB"), "broken")]);
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
