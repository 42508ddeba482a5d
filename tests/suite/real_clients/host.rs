//! One host of a test's network: a network namespace with an IPv4 and an IPv6 address and its own names.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::network::Family;
use super::tools::require;

pub(super) struct Host {
    pub(super) id: u8,
    pub(super) v4: Ipv4Addr,
    pub(super) v6: Ipv6Addr,
    /// Keeps the namespaces: it ends when its standard input does, so even a killed test leaves nothing.
    write_behind: Child,
}

const fn v4_of(id: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, id)
}

/// Of the global unicast range (its part for documentation): Transmission wants no other.
fn v6_of(id: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, u16::from(id))
}

/// The address of a host.
pub(super) fn address_of(id: u8, family: Family) -> IpAddr {
    match family {
        Family::V4 => v4_of(id).into(),
        Family::V6 => v6_of(id).into(),
    }
}

impl Host {
    /// Makes a host without links. It has the files `hosts` and `resolv.conf` of `folder` in its `/etc`.
    pub(super) fn new(id: u8, folder: &Path) -> Self {
        Self { id, v4: v4_of(id), v6: v6_of(id), write_behind: new_namespaces(folder) }
    }

    pub(super) fn address(&self, family: Family) -> IpAddr {
        address_of(self.id, family)
    }

    /// A command that will run on this host, as the very process that is spawned. The kernel kills it when
    /// the test's thread ends, however that comes about.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(require("nsenter"));
        command
            .arg(format!("--net={}", self.namespace("net")))
            .arg(format!("--mount={}", self.namespace("mnt")));
        command.arg(require("setpriv")).args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// A UDP socket of the test's own on this host, at any port.
    pub(super) fn udp_socket(&self, family: Family) -> UdpSocket {
        let address = self.address(family);
        self.on_the_host(move || UdpSocket::bind((address, 0)).expect("a socket on the host"))
    }

    /// What is made by a thread that has entered the host: a socket stays in the namespace it was made in.
    fn on_the_host<T: Send + 'static>(&self, make: impl FnOnce() -> T + Send + 'static) -> T {
        let path = self.namespace("net");
        let thread = std::thread::spawn(move || {
            let namespace = std::fs::File::open(path).expect("the host's namespace");
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("a thread enters the host's namespace");
            make()
        });
        thread.join().expect("the thread that makes the socket")
    }

    /// A connection of the test's own from this host to itself.
    pub(super) fn tcp_stream(&self, address: SocketAddr) -> TcpStream {
        self.on_the_host(move || TcpStream::connect(address).expect("somebody listens there"))
    }

    /// What `ip` takes for the name of this host's network namespace.
    pub(super) fn namespace_pid(&self) -> u32 {
        self.write_behind.id()
    }

    fn namespace(&self, kind: &str) -> String {
        format!("/proc/{}/ns/{kind}", self.write_behind.id())
    }

    /// Runs lines of `ip` commands on this host.
    pub(super) fn ip(&self, lines: &str) {
        let mut command = self.command(&require("ip"));
        let mut child = command.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().expect("ip starts");
        let mut input = child.stdin.take().expect("the input of ip");
        input.write_all(lines.as_bytes()).expect("ip reads its commands");
        drop(input);
        let status = child.wait().expect("ip ends");
        assert!(status.success(), "ip failed on:\n{lines}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Failing here means that it is gone already, which is what is wanted.
        drop(self.write_behind.kill());
        drop(self.write_behind.wait());
    }
}

/// Starts the process that keeps a new network namespace, and a mount namespace with name files of its own.
fn new_namespaces(folder: &Path) -> Child {
    let script =
        "mount --bind hosts /etc/hosts && mount --bind resolv.conf /etc/resolv.conf && echo made && exec cat";
    let mut write_behind = Command::new(require("unshare"))
        .args(["--net", "--mount", "--", "sh", "-c", script])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare starts");
    let mut line = String::new();
    let output = write_behind.stdout.take().expect("the keeper's output");
    BufReader::new(output).read_line(&mut line).expect("the keeper says that the namespaces are made");
    assert_eq!(
        line.trim(),
        "made",
        "no namespace could be made (its words are above); these tests need root"
    );
    write_behind
}
