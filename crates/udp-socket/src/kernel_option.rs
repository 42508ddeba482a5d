//! The socket options that socket2 has no call for.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Sets an option whose value is one integer.
pub(crate) fn set_integer(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value is an integer and holds no pointer.
    unsafe { set(socket, level, name, &value) }
}

/// Gives the reuseport group of a socket a classic BPF program, which the kernel checks and copies.
pub(crate) fn attach_reuseport_program(
    socket: BorrowedFd<'_>,
    instructions: &mut [libc::sock_filter],
) -> io::Result<()> {
    let len = u16::try_from(instructions.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: instructions.as_mut_ptr() };
    // SAFETY: the pointer in the value leads to as many instructions as the value tells, borrowed until the
    // call returns.
    unsafe { set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF, &program) }
}

/// # Safety
///
/// Where the value holds a pointer, what the kernel reads through it for this option must be valid during the
/// call.
unsafe fn set<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let bytes = libc::socklen_t::try_from(size_of::<T>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads no more than the size of the value, which is borrowed until the call returns,
    // and copies it.
    let outcome =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(value).cast(), bytes) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
