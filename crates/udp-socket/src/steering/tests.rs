use super::*;
use crate::testing::{XorShift, group_on, queue, receive_over, send_all, socket_on};
use crate::{Path, SendBatch};
use primitives::{InfoHash, ShardCount, SteeringKey};

const SHARD_COUNTS: [u16; 6] = [1, 2, 3, 5, 8, 16];
const SENDERS: usize = 8;
const BATCH: usize = 32;
const PAYLOAD_BYTES_MAX: usize = 120;

fn random_program(random: &mut XorShift, shards: u16) -> SteeringProgram {
    SteeringProgram {
        hash_offset: 16,
        datagram_bytes_min: 36,
        addend: random.next_u32(),
        multipliers: std::array::from_fn(|_| random.next_u32()),
        shards,
    }
}

/// The owner of a datagram of 36 bytes or more, as the tracker computes it.
fn owner(program: &SteeringProgram, datagram: &[u8]) -> usize {
    let key = SteeringKey { addend: program.addend, multipliers: program.multipliers };
    let info_hash = InfoHash(*datagram[16..].first_chunk().unwrap());
    key.shard_of(&info_hash, ShardCount::new(program.shards.into()).unwrap()).index()
}

/// Sends random datagrams of 36 bytes and more to a steered group, and checks that each arrives at its owner.
fn all_arrive_at_their_owner(ip: &str, shards: u16, seed: u64) {
    let mut random = XorShift::new(seed);
    let group = group_on(ip, shards);
    let senders: Vec<_> = (0..SENDERS).map(|_| socket_on(ip)).collect();
    let path = Path::new(group[0].local_address());
    let mut batch = SendBatch::new(BATCH, PAYLOAD_BYTES_MAX);
    let mut arrived = vec![0_usize; shards.into()];
    for _ in 0..4 {
        let program = random_program(&mut random, shards);
        group[random.below(group.len())].steer(&program).unwrap();
        for round in 0..16 {
            for _ in 0..BATCH {
                let mut payload = vec![0; 36 + random.below(PAYLOAD_BYTES_MAX - 35)];
                random.fill(&mut payload);
                queue(&mut batch, &payload, &path);
            }
            send_all(&senders[round % SENDERS], &mut batch);
            receive_over(&group, BATCH, |index, received| {
                assert_eq!(owner(&program, received.bytes), index);
                arrived[index] += 1;
            });
        }
    }
    let fair_share = 4 * 16 * BATCH / usize::from(shards);
    assert!(arrived.iter().all(|&count| count > fair_share / 2), "the shares are similar: {arrived:?}");
}

#[test]
fn every_ipv4_datagram_arrives_at_the_owner_of_its_hash() {
    for shards in SHARD_COUNTS {
        all_arrive_at_their_owner(&format!("127.0.77.{shards}"), shards, u64::from(shards));
    }
}

#[test]
fn every_ipv6_datagram_arrives_at_the_owner_of_its_hash() {
    for shards in SHARD_COUNTS {
        all_arrive_at_their_owner("::1", shards, 100 + u64::from(shards));
    }
}

#[test]
fn short_datagrams_are_spread_and_not_lost() {
    let group = group_on("127.0.77.100", 4);
    let program = random_program(&mut XorShift::new(5), 4);
    group[0].steer(&program).unwrap();
    let mut batch = SendBatch::new(36, 64);
    let mut arrived = [0_usize; 4];
    for _ in 0..64 {
        let sender = socket_on("127.0.0.1");
        for length in 0..36 {
            queue(&mut batch, &vec![1; length], &Path::new(group[0].local_address()));
        }
        send_all(&sender, &mut batch);
        receive_over(&group, 36, |index, _| arrived[index] += 1);
    }
    assert!(arrived.iter().all(|&count| count > 0), "every socket receives some: {arrived:?}");
}

#[test]
fn datagrams_of_owners_that_are_not_bound_are_not_lost() {
    let group = group_on("127.0.77.101", 2);
    group[1].steer(&random_program(&mut XorShift::new(6), 64)).unwrap();
    let mut random = XorShift::new(7);
    let mut batch = SendBatch::new(64, 64);
    for _ in 0..64 {
        let mut payload = [0; 64];
        random.fill(&mut payload);
        queue(&mut batch, &payload, &Path::new(group[0].local_address()));
    }
    send_all(&socket_on("127.0.0.1"), &mut batch);
    receive_over(&group, 64, |_, _| {});
}

#[test]
fn the_minimum_length_includes_the_whole_info_hash() {
    let mut program = random_program(&mut XorShift::new(8), 4);
    program.datagram_bytes_min = 0;
    assert_eq!(program.bytes_needed(), 36);
    program.hash_offset = u32::MAX;
    assert_eq!(program.bytes_needed(), u32::MAX);
}

#[test]
fn steering_needs_a_reuseport_socket() {
    let program = random_program(&mut XorShift::new(9), 4);
    let error = socket_on("127.0.0.1").steer(&program).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("not bound with SO_REUSEPORT"), "{error}");
}

#[test]
fn an_invalid_program_is_refused() {
    let group = group_on("127.0.77.102", 1);
    let good = random_program(&mut XorShift::new(10), 1);
    for bad in [
        SteeringProgram { shards: 0, ..good.clone() },
        SteeringProgram { hash_offset: u32::MAX - 4, ..good.clone() },
        SteeringProgram { datagram_bytes_min: 70_000, ..good.clone() },
    ] {
        assert_eq!(group[0].steer(&bad).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    group[0].steer(&good).unwrap();
}

#[test]
fn debug_output_does_not_show_the_keys() {
    let mut program = random_program(&mut XorShift::new(11), 4);
    program.addend = 1_234_567;
    program.multipliers = [7_654_321; HASH_WORDS];
    let shown = format!("{program:?}");
    assert!(!shown.contains("1234567") && !shown.contains("7654321"), "{shown}");
}
