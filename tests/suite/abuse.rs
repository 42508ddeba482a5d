//! Attacks of a few seconds beside good clients, over a virtual cable between two network namespaces: on the loopback no address can be made
//! up, and its clients have no limits.

use std::fs::File;
use std::io::{Write, stderr};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use primitives::InfoHash;
use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::cores::two_cores;
use crate::patience::until;
use crate::program::load_generator;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

/// The ends of the cable. The load's end has every address of 198.19.0.0/16, too.
const SERVER: &str = "198.18.255.1";
const LOAD: &str = "198.18.255.2";

/// An abusive source, and the first one of the good clients.
const ABUSER: Ipv4Addr = Ipv4Addr::new(198, 19, 200, 1);
const GOOD: &str = "198.19.1.1";

/// What good clients must get beside an attack: the machine is shared with other tests.
const LOST_PERCENT_MAX: &str = "1";

/// Peers of one IPv4 address in one swarm.
const PEERS_OF_HOST_MAX: usize = 4;

/// Two network namespaces with a cable between them, which are removed at the end.
struct Cable {
    server: String,
    load: String,
}

impl Cable {
    /// Returns `None`, and says so, if the user may not make namespaces. Root must be able to.
    fn lay() -> Option<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        let unique = format!("{}-{}", std::process::id(), NUMBERS.fetch_add(1, Ordering::Relaxed));
        let cable = Self { server: format!("ringtrack-s-{unique}"), load: format!("ringtrack-l-{unique}") };
        let Self { server, load } = &cable;
        let commands = [
            format!("netns add {server}"),
            format!("netns add {load}"),
            format!("-n {load} link set lo up"),
            format!("-n {server} link add tracker type veth peer name load netns {load}"),
            format!("-n {server} address add {SERVER}/30 dev tracker"),
            format!("-n {server} link set tracker up"),
            format!("-n {load} address add {LOAD}/30 dev load"),
            format!("-n {load} link set load up"),
            format!("-n {server} route add default via {LOAD}"),
            format!("-n {load} route add local 198.19.0.0/16 dev lo"),
        ];
        if let Some(reason) = commands.iter().find_map(|command| ip(command).err()) {
            assert!(!geteuid().is_root(), "root can make no namespaces: {reason}");
            // Not by `eprintln!`, whose output is hidden if the test passes.
            let text = format!("abuse is skipped, since no namespaces can be made: {reason}\n");
            stderr().write_all(text.as_bytes()).expect("it is shown");
            return None;
        }
        Some(cable)
    }

    /// Moves the calling thread, and what it starts, to the load's end for good.
    fn enter(&self) {
        let namespace = File::open(format!("/run/netns/{}", self.load)).expect("a namespace of our own");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("the rights of root");
    }

    /// Starts a tracker at the other end, on a core of its own.
    fn tracker(&self, settings: &[(&str, &str)]) -> Tracker {
        let launch = Launch::with_defaults()
            .set("udp.listen", &format!("[\"{SERVER}:6969\"]"))
            .set("workers.cores", &format!("[{}]", two_cores()[0]));
        let launch = settings.iter().fold(launch, |launch, (key, value)| launch.set(key, value));
        launch.under(&["ip", "netns", "exec", &self.server]).start()
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in [&self.server, &self.load] {
            drop(ip(&format!("netns delete {name}")));
        }
    }
}

/// Runs a test at the load's end of a cable, in a thread of its own.
fn over_a_cable(test: impl FnOnce(&Cable) + Send) {
    let Some(cable) = Cable::lay() else { return };
    let result = std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            cable.enter();
            test(&cable);
        });
        inside.join()
    });
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a command of `ip`, or returns the reason why it failed.
fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| error.to_string())?;
    let reason = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(reason) }
}

/// A load on the other core, beside the thread's namespace.
fn load(tracker: &Tracker, arguments: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(load_generator());
    command.args(["--target", &tracker.v4().to_string(), "--cores", &two_cores()[1].to_string(), "--quiet"]);
    command.args(["--json", "-", "--warmup", "0"]).args(arguments.split(' '));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// An attack, which is stopped at the end of the test.
struct Attack(Child);

impl Attack {
    /// Begins an attack that lasts longer than any test.
    fn begin(tracker: &Tracker, arguments: &str) -> Self {
        let mut command = load(tracker, &format!("--seconds 120 {arguments}"));
        Self(command.stdout(Stdio::null()).spawn().expect("the load generator starts"))
    }

    /// Stops an attack that has lasted until now.
    fn stop(mut self) {
        let ended = self.0.try_wait().expect("a child process");
        assert!(ended.is_none(), "the attack ended before the good clients: {ended:?}");
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Good clients of fifty addresses, most of whose requests must be answered. Returns the number of their announces.
fn assert_good_clients_are_served(tracker: &Tracker) -> u64 {
    let good = format!(
        "--seconds 2 --rate 200 --segments 1 --wait sleep --peers 1000 --torrents 100 --sources 50 \
         --first-source {GOOD} --max-loss {LOST_PERCENT_MAX}"
    );
    let output = load(tracker, &good).output().expect("the load generator starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let result: Value = serde_json::from_slice(&output.stdout).expect("the result is JSON");
    result["kinds"]["announce"]["answered"].as_u64().expect("a number")
}

#[test]
fn one_source_at_full_speed_gets_its_rate_and_others_are_served() {
    over_a_cable(|cable| {
        let limits =
            [("sources.requests_per_s", "100"), ("sources.burst_s", "1"), ("sources.ban_after_s", "2")];
        let tracker = cable.tracker(&limits);
        let begun = Instant::now();
        let flood = "--attack flood --mix 0/1/0 --sources 1 --peers 1000 --torrents 100 --first-source";
        let attack = Attack::begin(&tracker, &format!("{flood} {ABUSER}"));
        let is_over_limit = || tracker.figures().get("udp_v4_announce_dropped_over_limit") > 1000;
        until("the source is over its limit", is_over_limit);
        until("the source is banned", || tracker.figures().get("filter_networks") == 1);
        let of_good = assert_good_clients_are_served(&tracker);
        attack.stop();
        let answered = tracker.figures().get("udp_v4_announce_answered") - of_good;
        // Its burst, and at most its rate since then, of which the ban takes some.
        let most = 100 * (begun.elapsed().as_secs() + 2);
        assert!((1..=most).contains(&answered), "{answered} announces of the source were answered");
    });
}

#[test]
fn a_flood_of_wrong_ids_is_filtered_while_it_lasts() {
    over_a_cable(|cable| {
        let tracker = cable.tracker(&[("udp.filter_wrong_ids_per_s", "1000")]);
        let attack = Attack::begin(&tracker, "--attack spoofed --mix 0/1/0 --torrents 1 --rate 10000");
        until("the kernel filters ids", || tracker.figures().get("filter_ids") == 1);
        assert_good_clients_are_served(&tracker);
        assert!(tracker.figures().get("kernel_dropped") > 0);
        attack.stop();
        until("the kernel filters no ids", || tracker.figures().get("filter_ids") == 0);
    });
}

#[test]
fn a_host_that_announces_all_of_its_ports_gets_few_places_in_a_swarm() {
    over_a_cable(|cable| {
        let tracker = cable.tracker(&[]);
        let torrent = InfoHash([9; 20]);
        for host in 1..=60 {
            let client = Client::from([198, 19, 32, host], tracker.v4());
            client.announce(client.leecher(torrent, 6881));
        }
        let poisoner = Client::from(ABUSER, tracker.v4());
        let ports: Vec<_> = (1000..2000).map(|port| poisoner.leecher(torrent, port)).collect();
        poisoner.announce_all(&ports);
        let asker = Client::from([198, 19, 40, 1], tracker.v4());
        let announced = asker.announce(asker.leecher(torrent, 6881).with_numwant(50));
        let of_poisoner = announced.peers.iter().filter(|peer| peer.ip() == ABUSER).count();
        assert_eq!(announced.peers.len(), 50);
        assert!(of_poisoner <= PEERS_OF_HOST_MAX, "{of_poisoner} peers of one host");
    });
}
