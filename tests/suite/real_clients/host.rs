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
    /// Holds the namespaces. It ends when its standard input is closed, so that even a killed test leaves nothing.
    holder: Child,
}

const fn v4_of(id: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, id)
}

/// In the global unicast range (its part for documentation), because Transmission accepts no other.
fn v6_of(id: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, u16::from(id))
}

pub(super) fn address_of(id: u8, family: Family) -> IpAddr {
    match family {
        Family::V4 => v4_of(id).into(),
        Family::V6 => v6_of(id).into(),
    }
}

impl Host {
    /// Makes a host without links. It has the files `hosts` and `resolv.conf` of `folder` in its `/etc`.
    pub(super) fn new(id: u8, folder: &Path) -> Self {
        Self { id, v4: v4_of(id), v6: v6_of(id), holder: new_namespaces(folder) }
    }

    pub(super) fn address(&self, family: Family) -> IpAddr {
        address_of(self.id, family)
    }

    /// A command that runs on this host, as the spawned process itself. The kernel kills it when the test's thread
    /// ends, for whatever reason.
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

    /// Runs `make` on a thread that has entered the host: a socket stays in the namespace in which it was made.
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
        self.on_the_host(move || TcpStream::connect(address).expect("a listener at this address"))
    }

    /// The process id by which `ip` names this host's network namespace.
    pub(super) fn namespace_pid(&self) -> u32 {
        self.holder.id()
    }

    fn namespace(&self, kind: &str) -> String {
        format!("/proc/{}/ns/{kind}", self.holder.id())
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
        // An error means that it has ended already.
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

/// Starts the process that holds a new network namespace, and a mount namespace with its own name files.
fn new_namespaces(folder: &Path) -> Child {
    let script =
        "mount --bind hosts /etc/hosts && mount --bind resolv.conf /etc/resolv.conf && echo made && exec cat";
    let mut holder = Command::new(require("unshare"))
        .args(["--net", "--mount", "--", "sh", "-c", script])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare starts");
    let mut line = String::new();
    let output = holder.stdout.take().expect("the output of unshare");
    BufReader::new(output).read_line(&mut line).expect("unshare reports that the namespaces are made");
    assert_eq!(
        line.trim(),
        "made",
        "no namespace could be made (see its output above); these tests need root"
    );
    holder
}
