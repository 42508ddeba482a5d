use crate::core_state::CoreState;
use crate::datagrams::UdpServer;
use crate::flood::{Flood, Seen};
use crate::limits::FILTER_RETRY_MS;
use crate::mutes::Mutes;
use crate::sockets::{ReceiveQueues, Sockets};
use access::addresses_of;
use core_link::KernelFiltering;
use engine::ProxyPolicy;
use metrics::{Counter, Gauge};
use primitives::{AddressRanges, FilterRules};
use std::sync::Arc;
use std::time::{Duration, Instant};

const RETRY: Duration = Duration::from_millis(FILTER_RETRY_MS);

/// Keeps the filters of a core's sockets up to date.
#[derive(Debug)]
pub(crate) struct KernelFilter {
    filtering: KernelFiltering,
    /// Connections of these come from proxies. The client of each request decides, and not the proxy.
    proxies: AddressRanges,
    /// Since the TCP listeners were given their addresses.
    proxies_changed: bool,
    flood: Flood,
    mutes: Mutes,
    /// The banned networks that are filtered.
    banned: Arc<AddressRanges>,
    /// These, after the muted sources.
    networks: Arc<AddressRanges>,
    /// Of [`Counter::WrongConnectionIds`] at the last turn.
    wrong_ids: u64,
    /// The rules that the UDP sockets were given last. They are given again if they change, and some time after a refusal.
    rules: FilterRules,
    /// Whether a UDP socket refused them. It has no filter then.
    is_refused: bool,
    /// When the sockets are given their filters again, because one refused its own, or another process may have set them.
    retry_at: Option<Instant>,
    /// Whether they are given once more after that.
    is_retried_twice: bool,
    /// The addresses that the TCP listeners were given last.
    connections: AddressRanges,
}

impl KernelFilter {
    pub(crate) fn new(filtering: KernelFiltering, proxies: &ProxyPolicy, now: Instant) -> Self {
        Self {
            filtering,
            proxies: addresses_of(&proxies.trusted),
            proxies_changed: false,
            flood: Flood::new(filtering.wrong_ids_per_s(), now),
            mutes: Mutes::new(now),
            banned: Arc::default(),
            networks: Arc::default(),
            wrong_ids: 0,
            rules: FilterRules::default(),
            is_refused: false,
            retry_at: None,
            is_retried_twice: false,
            connections: AddressRanges::default(),
        }
    }

    /// Replaces the settings. A flood that lasts is noticed again if its limit has changed.
    pub(crate) fn use_settings(&mut self, filtering: KernelFiltering, proxies: &ProxyPolicy, now: Instant) {
        if filtering != self.filtering {
            self.filtering = filtering;
            self.flood = Flood::new(filtering.wrong_ids_per_s(), now);
        }
        self.proxies = addresses_of(&proxies.trusted);
        self.proxies_changed = true;
    }

    /// Gives the sockets their filters in the next turn, in place of those of another process. That may serve them until it
    /// knows that this one does, so they are given once more.
    pub(crate) const fn renew(&mut self, now: Instant) {
        (self.retry_at, self.is_retried_twice) = (Some(now), true);
    }

    /// Returns whether the last turn has released sources, which are to be judged soon.
    pub(crate) const fn has_released_sources(&self) -> bool {
        self.mutes.has_released()
    }

    /// Notes what the kernel has dropped, and replaces the filters whose rules have changed.
    pub(crate) fn take_turn<S: Sockets>(&mut self, core: &mut CoreState<S>, udp: &mut UdpServer<S>) {
        let ReceiveQueues { dropped, fullest_percent: queue_percent } = core.sockets.receive_queues();
        let statistics = core.shard.statistics_mut();
        statistics.add(Counter::KernelDropped, dropped);
        let total = statistics.counter(Counter::WrongConnectionIds);
        let wrong_ids = total - core::mem::replace(&mut self.wrong_ids, total);
        self.flood
            .turn(core.instant, Seen { wrong_ids, dropped, queue_percent }, || udp.take_busiest_torrent());
        let have_bans_changed = self.update_networks(core);
        let rules = self.rules(core, udp);
        let is_retried = self.retry_at.take_if(|at| *at <= core.instant).is_some();
        if is_retried && core::mem::take(&mut self.is_retried_twice) {
            self.retry_at = Some(core.instant + RETRY);
        }
        if core::mem::take(&mut self.proxies_changed) || is_retried || have_bans_changed {
            self.filter_connections(core, is_retried);
        }
        if is_retried || rules != self.rules {
            let left_out = core.sockets.set_filter(&rules);
            self.is_refused = left_out.is_err();
            core.shard.statistics_mut().set(Gauge::FilterNetworksLeftOut, left_out.unwrap_or(0) as u64);
            self.note_outcome(self.is_refused, core);
            self.rules = rules;
        }
        self.publish(core);
    }

    /// Mutes and releases sources, and notes the banned networks. Returns whether these have changed.
    fn update_networks<S: Sockets>(&mut self, core: &mut CoreState<S>) -> bool {
        let (have_mutes_changed, banned) = match self.filtering {
            KernelFiltering::Off => (self.mutes.clear(), Arc::default()),
            KernelFiltering::On { .. } => {
                let now_ms = core.now.monotonic_ms;
                (self.mutes.turn(core.instant, now_ms, core.shard.guard()), core.shard.filtered_networks())
            }
        };
        // While nothing changes, these are the same allocation, and the comparison costs nothing.
        let have_bans_changed = banned != self.banned;
        if have_mutes_changed || have_bans_changed {
            let muted = self.mutes.addresses();
            self.networks =
                if muted.is_empty() { Arc::clone(&banned) } else { Arc::new(muted.followed_by(&banned)) };
        }
        self.banned = banned;
        have_bans_changed
    }

    fn filter_connections<S: Sockets>(&mut self, core: &mut CoreState<S>, is_retried: bool) {
        let connections = self.banned.apart_from(&self.proxies);
        if is_retried || connections != self.connections {
            let is_refused = core.sockets.set_connection_filter(&connections).is_err();
            self.note_outcome(is_refused, core);
            self.connections = connections;
        }
    }

    fn note_outcome<S: Sockets>(&mut self, is_refused: bool, core: &mut CoreState<S>) {
        if is_refused {
            core.shard.statistics_mut().add(Counter::FilterErrors, 1);
            self.retry_at = Some(core.instant + RETRY);
        }
    }

    fn rules<S: Sockets>(&self, core: &CoreState<S>, udp: &UdpServer<S>) -> FilterRules {
        match self.filtering {
            KernelFiltering::Off => FilterRules::default(),
            KernelFiltering::On { .. } => FilterRules {
                networks: Arc::clone(&self.networks),
                epochs: if self.flood.filters_ids() { udp.accepted_epochs(core.now) } else { None },
                hot: self.flood.hot(),
            },
        }
    }

    fn publish<S: Sockets>(&self, core: &mut CoreState<S>) {
        let Self { rules, is_refused, banned, mutes, .. } = self;
        for (gauge, is_filtered) in [
            (Gauge::FilterNetworks, !banned.is_empty()),
            (Gauge::FilterSources, !mutes.is_empty()),
            (Gauge::FilterIds, rules.epochs.is_some()),
            (Gauge::FilterHotTorrent, rules.hot.is_some()),
        ] {
            core.shard.statistics_mut().set(gauge, (is_filtered && !is_refused).into());
        }
    }
}
