use crate::http_listener::set_options;
use crate::inherited::{InheritedSocket, SocketKind};
use crate::listener::{
    ListenerOptions, SteeringOutcome, initial_steering, socket_options, steer, steering_program,
};
use primitives::{ShardCount, SteeringKey};
use std::io;
use std::os::fd::AsFd as _;
use udp_socket::{BatchSocket, PortSharing};

/// Gives the sockets of all listeners the options and the steering that they have when this process binds them, right before it
/// serves them in place of the predecessor. Returns whether the kernel steers.
///
/// # Errors
/// When the process has no more descriptors, or the kernel refuses an option.
pub fn take_over(
    sockets: &[InheritedSocket],
    shards: ShardCount,
    steering_key: &SteeringKey,
    options: &ListenerOptions,
    backlog: u32,
) -> io::Result<SteeringOutcome> {
    let mut steering = initial_steering(shards, options.steering);
    for InheritedSocket { kind, address, shard, fd } in sockets {
        match (kind, shard) {
            (SocketKind::Udp, shard) => {
                let socket = BatchSocket::adopt(fd.try_clone()?, PortSharing::ReusePort)?;
                socket.set_options(&socket_options(*address, options))?;
                if *shard == Some(0) {
                    steering = steer(steering, &socket, &steering_program(steering_key, shards));
                }
            }
            (SocketKind::Tcp, Some(_)) => set_options(fd.as_fd(), backlog)?,
            // An API sets none.
            (SocketKind::Tcp, None) => {}
        }
    }
    Ok(steering)
}
