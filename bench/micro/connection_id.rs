//! Cost of connection ids: issuing one, checking a valid and a wrong one.
#![forbid(unsafe_code)]

use criterion::Criterion;
use engine::{ConnectionIdKey, ConnectionIds};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use udp_protocol::ConnectionId;

const UNIX_S: u64 = 1_800_000_000;
const LIFETIME_S: u32 = 120;
const CLIENTS: [(&str, IpAddr); 2] = [
    ("IPv4", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
    ("IPv6", IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7))),
];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut ids = ConnectionIds::new(ConnectionIdKey([5; 16]), LIFETIME_S);
    ids.prepare(UNIX_S);
    let mut group = criterion.benchmark_group("connection_id");
    for (family, client) in CLIENTS {
        let issued = ids.issue(UNIX_S, client);
        group.bench_function(format!("issue/{family}"), |bencher| {
            bencher.iter(|| ids.issue(black_box(UNIX_S), black_box(client)));
        });
        for (name, id) in [("check good", issued), ("check wrong", ConnectionId([0; 8]))] {
            group.bench_function(format!("{name}/{family}"), |bencher| {
                bencher.iter(|| ids.check(black_box(UNIX_S), black_box(client), black_box(id)).is_ok());
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
