//! The memory that the process takes, compared with what the swarms count, for each of several ways in which swarms change.
//!
//! `cargo bench -p ringtrack-bench --bench resident` prints a line for each step. The limit of the swarms in
//! `ringtrack/src/memory/costs.rs` follows from the ratios.

#![expect(clippy::print_stdout, reason = "the program exists to print them")]

use primitives::{AnnounceEvent, CompactIpv4, InfoHash, PeerStatus, Second, SwarmFamily, TableSeed};
use std::fs::read_to_string;
use swarm::{Announce, Listing, Seeds, SwarmLimits, SwarmSettings, Swarms};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the swarms may count.
const BYTES_MAX: u64 = 128 << 20;

const LIFETIME_S: u32 = 2700;

/// Units of work of a turn of expiry: enough for all peers.
const EXPIRY_WORK: u32 = 4_194_304;

/// Where clients leave holes, one of this many swarms stays.
const ONE_STAYS_OF: u32 = 100;

struct Filling {
    swarms: Swarms,
    resident_before: u64,
    now: Second,
    torrents: u32,
    peers: u32,
}

impl Filling {
    fn new() -> Self {
        let limits = SwarmLimits {
            swarms_max: 100_000_000,
            peers_max: 100_000_000,
            swarm_peers_max: 1_000_000,
            peers_per_host_max: 0,
            bytes_max: BYTES_MAX,
        };
        let resident_before = resident_bytes();
        let settings = SwarmSettings { limits, peer_lifetime_s: LIFETIME_S, interval_s_min: 0 };
        let swarms = Swarms::new(settings, Seeds { tables: TableSeed([1; 16]), choice: 2 });
        Self { swarms, resident_before, now: Second(1000), torrents: 0, peers: 0 }
    }

    fn announce(&mut self, torrent: u32, peer: u32, event: AnnounceEvent) {
        let mut info_hash = InfoHash([0x77; 20]);
        info_hash.0[..4].copy_from_slice(&torrent.wrapping_mul(0x9e37_79b1).to_be_bytes());
        let [a, b, c, d] = peer.wrapping_mul(0x85eb_ca6b).to_be_bytes();
        let announce = Announce {
            info_hash,
            peer: CompactIpv4([a, b, c, d, 0x1a, 0xe1]),
            status: PeerStatus::Leecher,
            event,
            listing: Listing::Listed,
            peers_wanted: 0,
        };
        self.swarms.announce(self.now, None, &announce, &mut []);
    }

    /// Adds swarms of this many peers until the limit is reached.
    fn fill(&mut self, peers_each: u32) {
        while self.counted() < BYTES_MAX - (BYTES_MAX >> 7) {
            let before = self.counted();
            for _ in 0..1000 {
                for _ in 0..peers_each {
                    self.announce(self.torrents, self.peers, AnnounceEvent::None);
                    self.peers += 1;
                }
                self.torrents += 1;
            }
            if self.counted() <= before {
                return;
            }
        }
    }

    /// Lets the swarms from this torrent on, whose peers begin with that number, lose all peers, except in one of many.
    fn thin(&mut self, torrents_from: u32, peers_from: u32, peers_each: u32) {
        for torrent in (torrents_from..self.torrents).filter(|torrent| torrent % ONE_STAYS_OF != 0) {
            let first = peers_from + (torrent - torrents_from) * peers_each;
            for peer in first..first + peers_each {
                self.announce(torrent, peer, AnnounceEvent::Stopped);
            }
        }
    }

    /// Lets half of the lifetime pass.
    fn wait(&mut self) {
        self.now = self.now.after(LIFETIME_S / 2 + 60);
        for turn in 0..60 {
            self.swarms.expire(self.now.after(turn), EXPIRY_WORK);
        }
        self.now = self.now.after(60);
    }

    fn counted(&self) -> u64 {
        SwarmFamily::ALL.map(|family| self.swarms.totals(family).bytes).iter().sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    fn report(&self, step: &str) {
        let (counted, resident) = (self.counted(), resident_bytes() - self.resident_before);
        let ratio = resident as f64 / counted as f64;
        println!("{step:32} {:4} MiB counted {:4} MiB resident {ratio:.2}", counted >> 20, resident >> 20);
    }
}

fn resident_bytes() -> u64 {
    let statm = read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second field is the number of resident pages") * 4096
}

fn refill() {
    let mut filling = Filling::new();
    for peers_each in [1, 3, 5, 9, 20, 40, 90, 300, 2, 7, 1, 3] {
        filling.fill(peers_each);
        filling.report(&format!("refilled with swarms of {peers_each}"));
        filling.wait();
    }
}

fn leave_holes() {
    let mut filling = Filling::new();
    for peers_each in [3, 4, 6, 10, 16, 24, 40, 64, 100, 160, 300] {
        let (torrents, peers) = (filling.torrents, filling.peers);
        filling.fill(peers_each);
        filling.report(&format!("holes: swarms of {peers_each}"));
        filling.thin(torrents, peers, peers_each);
    }
    filling.report("holes: at the end");
}

fn main() {
    leave_holes();
    refill();
}
