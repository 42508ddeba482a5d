//! What may go wrong in a simulation. Each seed has some of the troubles, so that the others can be checked more exactly.

use super::network::Weather;
use fastrand::Rng;
use guard::SourceLimits;
use ringtrack_tests::simulator::SimulatorSettings;
use swarm::SwarmLimits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The network loses, doubles, delays and spoofs datagrams.
    Network,
    /// Swarms and connections reach their limits all the time.
    Crowding,
    /// Sources have limits, and some are over them.
    Abuse,
    /// Calls of the sockets fail.
    Sockets,
    /// Clocks jump.
    Clocks,
    /// Settings are replaced.
    Settings,
    /// The events of the cores are left in their queues for a long time.
    Silence,
}

impl Trouble {
    const ALL: [Self; 7] = [
        Self::Network,
        Self::Crowding,
        Self::Abuse,
        Self::Sockets,
        Self::Clocks,
        Self::Settings,
        Self::Silence,
    ];

    /// Draws about half of the troubles.
    pub(crate) fn draw(random: &mut Rng) -> Vec<Self> {
        Self::ALL.into_iter().filter(|_| random.bool()).collect()
    }
}

pub(crate) fn weather(random: &mut Rng) -> Weather {
    Weather {
        lost_percent: random.u8(0..30),
        doubled_percent: random.u8(0..30),
        delay_ms_max: [0, 5, 300][random.usize(0..3)],
    }
}

/// Makes the limits of swarms and connections small.
pub(crate) fn crowd(random: &mut Rng, settings: &mut SimulatorSettings) {
    settings.engine.swarms.limits = SwarmLimits {
        swarms_max: random.u64(1..8),
        peers_max: random.u64(1..60),
        swarm_peers_max: random.u32(1..30),
        peers_per_host_max: random.u8(0..4),
        bytes_max: [1 << 17, 1 << 20, 1 << 32][random.usize(0..3)],
    };
    let limits = &mut settings.connections;
    (limits.connections_max, limits.connections_per_prefix_max) = (random.usize(2..6), random.u32(1..4));
    (limits.first_request_s, limits.request_s, limits.idle_s, limits.answer_s) = (5, 5, 20, 10);
    (limits.web_socket_idle_s, limits.buffer_bytes_max) = (30, random.usize(1000..100_000));
}

/// Returns limits that a client keeps who asks for something every few seconds.
pub(crate) fn source_limits(random: &mut Rng) -> SourceLimits {
    SourceLimits {
        wider_factor: random.u32(1..5),
        per_s: [random.u32(2..40), random.u32(2..20), random.u32(1..10), random.u32(1..5), random.u32(1..5)],
        burst_s: random.u32(2..10),
        unproved_per_s: random.u32(20..200),
        ..SourceLimits::none()
    }
}
