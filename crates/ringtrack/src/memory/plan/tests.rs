use super::*;
use config::{AccessMode, DatabaseUrl};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn plan(configuration: &Configuration, ceiling_bytes: u64, cores: u16) -> anyhow::Result<Plan> {
    let shards = ShardCount::new(cores.into()).unwrap();
    Plan::new(configuration, PlanInputs { shards, ceiling_bytes, upstreams: 3, running: None })
}

fn configurations() -> Vec<(&'static str, Configuration)> {
    let public = Configuration::default();
    let mut without_database = public.clone();
    without_database.database.url = DatabaseUrl::None;
    let mut listed = public.clone();
    listed.access.mode = AccessMode::Listed;
    let mut private = public.clone();
    private.access.mode = AccessMode::Private;
    let mut forwarding = public.clone();
    forwarding.forwarding.file = Some("/forwarders.yml".into());
    let mut everything = forwarding.clone();
    everything.access.mode = AccessMode::PrivateListed;
    everything.access.peer_details = Switch::On;
    everything.https.listen = vec!["127.0.0.1:443".parse().unwrap()];
    everything.api.tokens_file = Some("/tokens".into());
    vec![
        ("public", public),
        ("no database", without_database),
        ("listed", listed),
        ("private", private),
        ("forwarding", forwarding),
        ("everything", everything),
    ]
}

/// Returns the ceilings of groups of 512 and 544 MiB and of machines of 4 and 64 GiB.
const MACHINES: [(u64, u16); 4] = [(384 * MIB, 1), (408 * MIB, 16), (3 * GIB, 4), (48 * GIB, 16)];

#[test]
fn the_shares_add_up_to_the_ceiling_and_the_swarms_have_half_where_the_fixed_parts_allow_it() {
    for (ceiling, cores) in MACHINES {
        for (name, configuration) in configurations() {
            let plan = plan(&configuration, ceiling, cores).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(sum(&plan.shares), ceiling, "{name}");
            let share =
                |wanted| plan.shares.iter().find(|(share, _)| *share == wanted).map_or(0, |found| found.1);
            let fixed = [MemoryShare::Program, MemoryShare::Cores, MemoryShare::Sources].map(share);
            let fixed: u64 = fixed.iter().sum();
            let swarms = share(MemoryShare::Swarms);
            assert!(swarms >= (ceiling / 2).min((ceiling - fixed) / 2), "{name} {ceiling} {cores}: {swarms}");
            assert_eq!(plan.limits.swarm_bytes_max, swarms / 12 * 10);
        }
    }
}

/// Returns what the parts cost with the limits of the plan.
fn cost(plan: &Plan, inputs: PlanInputs) -> u64 {
    let mut limited = plan.effective.clone();
    limited.limits.peers_max = plan.limits.details_max;
    growing_parts(&limited, &inputs)
        .iter()
        .filter(|part| part.share != MemoryShare::Signals)
        .map(Part::wanted)
        .sum()
}

#[test]
fn the_limits_of_the_plan_cost_no_more_than_its_shares_and_are_at_most_as_configured() {
    for (ceiling_bytes, cores) in MACHINES {
        for (name, configuration) in configurations() {
            let shards = ShardCount::new(cores.into()).unwrap();
            let inputs = PlanInputs { shards, ceiling_bytes, upstreams: 3, running: None };
            let plan = Plan::new(&configuration, inputs).unwrap();
            let inputs = PlanInputs { running: Some(plan.fixed), ..inputs };
            let grown = sum(&plan.shares) - share_of_others(&plan);
            assert!(cost(&plan, inputs) <= grown, "{name} {ceiling_bytes} {cores}");
            let again = Plan::new(&plan.effective, inputs).unwrap();
            assert!(again.effective.http.connections_max <= configuration.http.connections_max);
            assert!(plan.effective.http.connections_max >= 16 * u32::from(cores), "{name}");
        }
    }
}

/// Returns the shares of what does not grow up to a limit of the configuration.
fn share_of_others(plan: &Plan) -> u64 {
    let others = [
        MemoryShare::Program,
        MemoryShare::Cores,
        MemoryShare::Sources,
        MemoryShare::Signals,
        MemoryShare::Swarms,
    ];
    plan.shares.iter().filter(|(share, _)| others.contains(share)).map(|(_, bytes)| bytes).sum()
}

#[test]
fn a_part_that_is_off_takes_nothing() {
    let mut off = Configuration::default();
    off.database.url = DatabaseUrl::None;
    off.http.listen.clear();
    let plan = plan(&off, 384 * MIB, 1).unwrap();
    let shares: Vec<_> = plan.shares.iter().map(|&(share, _)| name(share)).collect();
    assert_eq!(shares, ["program", "cores", "sources", "datagrams", "swarms"]);
}

#[test]
fn everything_is_as_configured_where_there_is_room() {
    let configuration = Configuration::default();
    let plan = plan(&configuration, 48 * GIB, 16).unwrap();
    assert_eq!(plan.effective, configuration);
    assert_eq!(plan.fixed.signals_per_ring, 1024);
}

#[test]
fn a_ceiling_without_room_is_refused_with_the_largest_shares() {
    let mut configuration = Configuration::default();
    for (key, beginning) in [
        (
            None,
            "the machine or the control group has 44 MiB, of which the tracker takes three quarters, 33 MiB",
        ),
        (NonZeroU64::new(33), "limits.memory_max_mib is 33, and at least"),
    ] {
        configuration.limits.memory_max_mib = key;
        let error = plan(&configuration, 33 * MIB, 4).unwrap_err().to_string();
        assert!(error.starts_with(beginning), "{error}");
        for part in ["(cores 25 MiB, program 16 MiB, connections ", "fewer cores"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn a_core_needs_as_much_as_the_documentation_says() {
    for cores in 1..=4 {
        let documented = 36 + 12 * (u64::from(cores) - 1);
        assert!(plan(&Configuration::default(), documented * MIB, cores).is_ok(), "{cores}");
        assert!(plan(&Configuration::default(), (documented - 3) * MIB, cores).is_err(), "{cores}");
    }
}

#[test]
fn a_warning_names_each_configured_limit_that_has_no_room() {
    let mut configuration = Configuration::default();
    assert_eq!(plan(&configuration, 384 * MIB, 1).unwrap().warnings(), [""; 0]);
    configuration.http.connections_max = 50_000;
    let plan = plan(&configuration, 384 * MIB, 1).unwrap();
    let lowered = plan.effective.http.connections_max;
    let expected = format!("http.connections_max is {lowered} instead of 50000, because its share");
    assert!(matches!(&plan.warnings()[..], [warning] if warning.starts_with(&expected)), "{plan:?}");
}

#[test]
fn a_reload_keeps_what_is_fixed_at_the_start() {
    let configuration = Configuration::default();
    let small = plan(&configuration, 384 * MIB, 2).unwrap();
    let inputs =
        PlanInputs { shards: small.shards, ceiling_bytes: 4 * GIB, upstreams: 0, running: Some(small.fixed) };
    let larger = Plan::new(&configuration, inputs).unwrap();
    assert_eq!(larger.fixed, small.fixed);
    assert!(larger.effective.http.connections_max > small.effective.http.connections_max);
    assert!(larger.limits.swarm_bytes_max > small.limits.swarm_bytes_max);
}

#[test]
fn a_reload_without_changes_gives_the_same_plan() {
    for (ceiling_bytes, cores) in MACHINES {
        for (name, mut configuration) in configurations() {
            for mesh_slots in [64, 8192] {
                configuration.limits.mesh_slots = mesh_slots;
                let started = plan(&configuration, ceiling_bytes, cores).unwrap();
                let inputs = PlanInputs {
                    shards: started.shards,
                    ceiling_bytes,
                    upstreams: 3,
                    running: Some(started.fixed),
                };
                let reloaded = Plan::new(&configuration, inputs).unwrap();
                assert_eq!(reloaded, started, "{name} {ceiling_bytes} {cores} {mesh_slots}");
            }
        }
    }
}

#[test]
fn the_rings_have_room_for_signals_while_websockets_are_off() {
    let mut configuration = Configuration::default();
    configuration.websocket.enabled = Switch::Off;
    assert_eq!(plan(&configuration, 48 * GIB, 16).unwrap().fixed.signals_per_ring, 1024);
    configuration.http.listen.clear();
    assert_eq!(plan(&configuration, 48 * GIB, 16).unwrap().fixed.signals_per_ring, 0);
}

#[test]
fn the_share_of_the_sources_grows_with_their_table() {
    for (sources_max, cores, expected) in [
        (1_048_576, 1, 8 * MIB + (580 << 10)),
        (1_048_577, 1, 16 * MIB + (580 << 10)),
        (65_536, 16, MIB + (1088 << 10)),
        (134_217_728, 1, GIB + (580 << 10)),
    ] {
        let mut configuration = Configuration::default();
        configuration.sources.sources_max = sources_max;
        let plan = plan(&configuration, 48 * GIB, cores).unwrap();
        assert!(plan.shares.contains(&(MemoryShare::Sources, expected)), "{sources_max}: {:?}", plan.shares);
    }
}

#[test]
fn the_buffers_and_queues_of_sockets_fit_into_their_shares() {
    let mut configuration = Configuration::default();
    configuration.udp.receive_buffer_bytes = 2 << 20;
    configuration.udp.send_buffer_bytes = 6 << 20;
    let sockets = configuration.udp.listen.len() as u64;
    let listeners = configuration.http.listen.len() as u64;
    for (ceiling, cores, has_room, backlog) in
        [(96 * MIB, 1, false, 16..=64), (48 * GIB, 16, true, 512..=512)]
    {
        let plan = plan(&configuration, ceiling, cores).unwrap();
        let udp = &plan.effective.udp;
        let (received, sent) = (udp.receive_buffer_bytes as u64, udp.send_buffer_bytes as u64);
        assert_eq!((received, sent) == (2 << 20, 6 << 20), has_room, "{received} {sent}");
        let share = |wanted| plan.shares.iter().find(|(share, _)| *share == wanted).unwrap().1;
        let buffers = sockets * u64::from(cores) * 2 * (received + sent);
        assert!(buffers <= share(MemoryShare::Datagrams), "{buffers}");
        assert!(backlog.contains(&plan.fixed.backlog), "{}", plan.fixed.backlog);
        let queued = plan.fixed.backlog * listeners * u64::from(cores) * costs::QUEUED_CONNECTION;
        let connections = u64::from(plan.effective.http.connections_max) * costs::CONNECTION_IN_KERNEL;
        assert!(queued + connections <= share(MemoryShare::Connections));
        let kernel = share(MemoryShare::Datagrams) + queued + connections;
        assert!(plan.limits.resident_bytes_max <= ceiling - kernel);
    }
}

#[test]
fn what_one_part_does_not_want_is_for_the_others_by_their_weights() {
    let part = |limit, limit_min, weight| Part {
        share: MemoryShare::Lists,
        weight,
        base: 0,
        each: 1,
        limit,
        limit_min,
    };
    for (room, parts, expected) in [
        (100, vec![part(30, 10, 1), part(20, 5, 1)], vec![30, 20]),
        (100, vec![part(10, 0, 1), part(1000, 0, 1), part(1000, 0, 2)], vec![10, 30, 60]),
        (100, vec![part(1000, 70, 1), part(1000, 10, 1)], vec![80, 20]),
        (10, vec![part(0, 0, 1), part(20, 10, 1)], vec![0, 10]),
        (7, vec![], vec![]),
    ] {
        assert_eq!(divide(room, &parts), expected, "{parts:?}");
    }
}
