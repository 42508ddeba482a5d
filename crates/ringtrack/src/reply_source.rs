//! Chooses the address that replies on wildcard addresses leave from, and follows the host's addresses.

use core_link::{CoreCommand, CoreHandle, ReplySource};
use nix::ifaddrs::getifaddrs;
use primitives::AddressFamily;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{self, SocketFlags, SocketType, bind, socket_with};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tracing::{info, warn};

/// The multicast groups of added and removed addresses, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`.
const ADDRESS_CHANGES: u32 = 0x10 | 0x100;

/// Bytes of a message that are read: more than one about an address has.
const MESSAGE_BYTES: usize = 4096;

/// Time after which a change is looked for although none was reported, for example because a core accepted no command.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Has the cores send replies from where the kernel's routing selects, in each family in which the host has one address.
pub(crate) fn follow_addresses(families: &[AddressFamily], cores: Vec<CoreHandle>) -> io::Result<()> {
    let changes = UdpSocket::from_std(watch_addresses()?.into())?;
    let mut sources: Vec<_> = families.iter().map(|&family| (family, None)).collect();
    tokio::spawn(async move {
        let mut is_logged = false;
        loop {
            match local_addresses() {
                Ok(addresses) => {
                    is_logged = false;
                    sources.iter_mut().for_each(|(family, source)| {
                        let wanted = reply_source(addresses.iter(), *family);
                        let accepts = |core: &CoreHandle| {
                            core.command(CoreCommand::UseReplySource(*family, wanted)).is_ok()
                        };
                        if *source != Some(wanted) && cores.iter().all(accepts) {
                            log(*family, wanted);
                            *source = Some(wanted);
                        }
                    });
                }
                Err(error) if !is_logged => {
                    warn!(%error, "the addresses of this host cannot be listed");
                    is_logged = true;
                }
                Err(_) => {}
            }
            drop(timeout(LOOK_EVERY, next_change(&changes)).await);
        }
    });
    Ok(())
}

fn log(family: AddressFamily, source: ReplySource) {
    let family = match family {
        AddressFamily::V4 => "IPv4",
        AddressFamily::V6 => "IPv6",
    };
    match source {
        ReplySource::Kernel => {
            info!("this host has no second {family} address: the kernel chooses the source of replies");
        }
        ReplySource::Destination => {
            info!(
                "this host has several {family} addresses: each reply leaves from the one that received the request"
            );
        }
    }
}

/// Returns a socket that receives a message when an address is added or removed.
fn watch_addresses() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    // The first protocol of the family, which needs no name, is `NETLINK_ROUTE`.
    let socket = socket_with(net::AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, ADDRESS_CHANGES))?;
    Ok(socket)
}

/// Waits for a change, and discards what the kernel says of it: the addresses are listed anew.
async fn next_change(changes: &UdpSocket) {
    let mut message = [0; MESSAGE_BYTES];
    // An error says that messages were lost.
    drop(changes.recv(&mut message).await);
    while changes.try_recv(&mut message).is_ok() {}
}

/// Returns the addresses of this host, each with the name of its interface.
fn local_addresses() -> nix::Result<Vec<(String, IpAddr)>> {
    let addresses = getifaddrs()?.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
        let ip = v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))?;
        Some((interface.interface_name, ip))
    });
    Ok(addresses.collect())
}

/// Returns where replies of a family are to leave from. For a link-local client, the kernel selects the link-local address of
/// the interface.
fn reply_source<'a>(
    addresses: impl Iterator<Item = &'a (String, IpAddr)>,
    family: AddressFamily,
) -> ReplySource {
    let mut by_scope = BTreeMap::<Option<&str>, BTreeSet<IpAddr>>::new();
    for (interface, ip) in addresses {
        let is_link_local = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if AddressFamily::of(*ip) == family && !ip.is_loopback() {
            by_scope.entry(is_link_local.then_some(interface)).or_default().insert(*ip);
        }
    }
    if by_scope.values().all(|addresses| addresses.len() == 1) {
        ReplySource::Kernel
    } else {
        ReplySource::Destination
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_chooses_where_a_host_has_one_address_of_a_family() {
        use ReplySource::{Destination, Kernel};
        let cases: [(&[&str], [ReplySource; 2]); 6] = [
            (&[], [Kernel, Kernel]),
            (
                &["lo 127.0.0.1", "lo ::1", "eth0 192.0.2.1", "eth0 2001:db8::1", "eth0 fe80::1"],
                [Kernel, Kernel],
            ),
            (&["eth0 192.0.2.1", "eth0 192.0.2.2", "eth0 2001:db8::1"], [Destination, Kernel]),
            (&["eth0 192.0.2.1", "lo 203.0.113.1", "lo 127.0.0.2"], [Destination, Kernel]),
            (&["eth0 2001:db8::1", "eth1 fd00::1", "eth0 192.0.2.1"], [Kernel, Destination]),
            (&["eth0 fe80::1", "eth1 fe80::2", "eth1 fe80::3"], [Kernel, Destination]),
        ];
        for (host, expected) in cases {
            let parse = |text: &&str| {
                let (interface, ip) = text.split_once(' ').unwrap();
                (interface.to_owned(), ip.parse().unwrap())
            };
            let addresses: Vec<_> = host.iter().map(parse).collect();
            let chosen = AddressFamily::ALL.map(|family| reply_source(addresses.iter(), family));
            assert_eq!(chosen, expected, "{host:?}");
        }
    }
}
