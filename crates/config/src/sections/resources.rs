//! `[workers]`, `[limits]` and `[shutdown]`: what the tracker takes of the machine, and for how long.

use std::num::NonZeroU64;

use serde::de::Error;

use crate::declare::section;
use crate::limits::CORE_NUMBER_MAX;
use crate::values::integer::{integer, zero_or};
use crate::values::list::without_conflict;
use crate::values::{Fault, Json, Value, Written, refused, wrong_type};

section! {
    /// Processor cores.
    pub struct Workers;

    /// The cores that the tracker uses. One worker is pinned to each, and each keeps its own share of the swarms.
    ///
    /// Allowed: "auto" (every core of the affinity mask that the process was started with) or a list of core numbers
    /// from 0 to 1023 such as [0, 2, 3], each in that mask and none twice.
    ///
    /// More cores answer more requests, provided that each is a physical core of its own. Leave out cores that are busy
    /// with the network card's interrupts or with other programs; the second hyper-thread of a core adds little. An
    /// idle worker sleeps in the kernel.
    cores: Cores = Cores::Auto, cores;
}

section! {
    /// Limits: beyond one, new swarms and peers take the places of others.
    pub struct Limits;

    /// The maximum memory of the whole process, with what the kernel takes for its sockets.
    ///
    /// Allowed: 0 (three quarters of the machine's memory, or of the control group's limit if that is lower) or 16 to
    /// 16777216 MiB. One core needs about 36 MiB, each further one 12, the management API 32, and a larger
    /// `sources.sources_max` more; too little is refused at the start.
    ///
    /// Each part of the tracker has a share, which the log shows at the start. If a share has no room for the configured
    /// limit of its part (`udp.receive_buffer_bytes`, `udp.send_buffer_bytes`, `http.connections_max`,
    /// `access.torrents_max`, `access.keys_max`, `access.sessions_max`, `forwarding.torrents_max`,
    /// `forwarding.external_peers_max`, `limits.mesh_slots`, `database.pending_max`), a lower limit is used, and logged.
    /// The swarms have the rest: at least half, unless the memory is small for the number of cores. What is full behaves as at
    /// its configured limit; without a ceiling the kernel might kill the process, and all swarms would be lost.
    ///
    /// At this and the following limits, those in a random sample give way that have announced only once, then those that
    /// have not announced for the longest time; they are counted. Swarms of made-up torrents so displace each other.
    // Minimum: less than any tracker needs, whose parts differ; the plan refuses what is too little.
    // Maximum: 16 TiB: more than current machines have, and far from overflowing 64 bits in bytes.
    memory_max_mib: Option<NonZeroU64> = None, memory_mib;

    /// The maximum number of swarms (torrents).
    ///
    /// Allowed: 1 to 4000000000 swarms.
    ///
    /// This limits the memory that made-up info hashes can fill.
    // Minimum: a tracker without a swarm has no use.
    // Maximum: swarms are counted in 32 bits.
    swarms_max: u32 = 20_000_000, integer(1..=4_000_000_000);

    /// The maximum number of peers in all swarms together.
    ///
    /// Allowed: 1 to 4000000000 peers.
    ///
    /// This limits the memory that made-up peers can fill, and the length of the sweeps that remove expired ones.
    // Minimum: a tracker without a peer has no use.
    // Maximum: peers are counted in 32 bits.
    peers_max: u32 = 100_000_000, integer(1..=4_000_000_000);

    /// The maximum number of peers in one swarm.
    ///
    /// Allowed: 1 to 4000000 peers.
    ///
    /// This limits how much memory a single info hash can take, and how long it can keep a core busy: a swarm that
    /// grows is moved as a whole, a million IPv4 peers in about 4 milliseconds. The largest real swarms have a few
    /// hundred thousand peers, of which a client uses a few dozen.
    // Minimum: the smallest swarm has one peer.
    // Maximum: the limit of the storage, which keeps the memory block of one swarm below 384 MiB.
    peers_per_swarm_max: u32 = 1_000_000, integer(1..=4_000_000);

    /// The maximum number of peers of one IPv4 address, or of one IPv6 network of 64 bits, in one swarm.
    ///
    /// Allowed: 0 to 64 peers. With 0 there is no limit.
    ///
    /// This keeps a host that announces many ports from filling a swarm, and answers. A further peer takes the place of
    /// another of its host; in swarms of 4096 peers or more, where finding it would take long, it receives peers but is not
    /// stored, and so is about one in a hundred of other new peers. Raise it where many clients share an address. Peers over
    /// WebSockets have no address, and those of `sources.allow` no limit.
    // Minimum: swarms are not protected.
    // Maximum: far more than a household or an office has in one swarm, and a quarter of what a counter holds.
    peers_per_source_max: u8 = 4, integer(0..=64);

    /// The number of requests that a core can have queued for the other cores.
    ///
    /// Allowed: 64 to 65536 requests. They are divided among the rings from a core to each other core; each ring has
    /// room for at least 64. A slot takes about 200 bytes. A sixteenth of the requests may be scrapes, at 1600 bytes more.
    ///
    /// When a ring is full, UDP requests are dropped and counted, and HTTP requests wait. With steering, few requests are
    /// forwarded and the default is ample; without it, more slots absorb longer bursts.
    // Minimum: one full batch of the default size, so that a batch for a single core always fits into an empty ring.
    // Maximum: there is a ring for every ordered pair of cores: the memory grows with the square of their number.
    mesh_slots: usize = 8192, integer(64..=65_536);
}

section! {
    /// Shutdown.
    pub struct Shutdown;

    /// How long the workers may take to finish pending work after a signal to stop, and for the snapshot. Then the program exits in
    /// any case.
    ///
    /// Allowed: 1 to 300 seconds.
    ///
    /// A longer deadline loses fewer replies on a busy host, and has time for a larger snapshot: 60 seconds suffice for tens of
    /// millions of peers. The database gets the same time again for its last writes:
    /// keep twice the value below the timeout of the service manager (with systemd, `TimeoutStopSec=`, 90 seconds by
    /// default), which kills the program.
    // Minimum: a shorter deadline would lose replies that are about to be sent.
    // Maximum: service managers time out earlier.
    deadline_s: u32 = 10, integer(1..=300);
}

/// The cores that the workers are pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cores {
    /// Every core of the process's affinity mask.
    Auto,
    /// A list of at least one core, without duplicates, in the order given.
    List(Vec<usize>),
}

fn cores(value: &Value<'_>) -> Result<Cores, Fault> {
    let expected =
        format!("\"auto\" or a list of different core numbers from 0 to {CORE_NUMBER_MAX} such as [0, 2, 3]");
    let twice = |one: &usize, two: &usize| (one == two).then(|| format!("core {one} occurs twice"));
    match value {
        Value::String(text) if text == "auto" => Ok(Cores::Auto),
        Value::String(_) => Err(refused(value, &expected)),
        Value::Array(values) if values.is_empty() => Err(Fault::invalid_length(0, &expected.as_str())),
        Value::Array(values) => {
            let cores = values.iter().map(|value| integer(0..=CORE_NUMBER_MAX)(value.get_ref()));
            without_conflict(cores.collect::<Result<_, _>>()?, &expected, twice).map(Cores::List)
        }
        _ => Err(wrong_type(value, &expected)),
    }
}

impl Written for Cores {
    fn written(&self) -> Json {
        match self {
            Self::Auto => "auto".into(),
            Self::List(cores) => cores.as_slice().into(),
        }
    }
}

fn memory_mib(value: &Value<'_>) -> Result<Option<NonZeroU64>, Fault> {
    zero_or(16..=16_777_216)(value).map(NonZeroU64::new)
}

impl Written for Option<NonZeroU64> {
    fn written(&self) -> Json {
        self.map_or(0, NonZeroU64::get).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    #[test]
    fn auto_and_a_list_are_accepted() {
        assert_eq!(load_text("[workers]\ncores = \"auto\"\n").unwrap().workers.cores, Cores::Auto);
        let listed = load_text("[workers]\ncores = [1023, 0]\n").unwrap().workers.cores;
        assert_eq!(listed, Cores::List(vec![1023, 0]));
    }

    #[test]
    fn an_empty_list_and_a_duplicate_core_are_refused() {
        assert_refused("[workers]\ncores = []\n", 2, &["workers.cores", "\"auto\" or a list", "[0, 2, 3]"]);
        assert_refused(
            "[workers]\ncores = [1, 1]\n",
            2,
            &["workers.cores", "core 1 occurs twice", "[0, 2, 3]"],
        );
    }

    #[test]
    fn an_invalid_core_number_is_refused() {
        for bad in ["[1024]", "[-1]", "[\"0\"]", "[1.5]"] {
            let text = format!("[workers]\ncores = {bad}\n");
            assert_refused(&text, 2, &["workers.cores", "from 0 to 1023"]);
        }
    }

    #[test]
    fn a_single_number_is_refused_because_it_could_be_meant_as_a_count() {
        assert_refused("[workers]\ncores = 4\n", 2, &["workers.cores", "\"auto\" or a list"]);
        assert_variable_refused("RINGTRACK_WORKERS_CORES", "4", &["workers.cores", "\"auto\" or a list"]);
        assert_variable_refused("RINGTRACK_WORKERS_CORES", "all", &["workers.cores", "\"auto\" or a list"]);
    }
}
