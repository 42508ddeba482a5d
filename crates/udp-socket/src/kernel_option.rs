//! Socket options that socket2 does not support.

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

/// Attaches a classic BPF program to the reuseport group of a socket. The kernel verifies and copies it.
pub(crate) fn attach_reuseport_program(
    socket: BorrowedFd<'_>,
    instructions: &mut [libc::sock_filter],
) -> io::Result<()> {
    attach_program(socket, libc::SO_ATTACH_REUSEPORT_CBPF, instructions)
}

/// Attaches a classic BPF program that decides which packets a socket receives, in place of an earlier one. The kernel
/// verifies and copies it.
pub(crate) fn attach_filter(
    socket: BorrowedFd<'_>,
    instructions: &mut [libc::sock_filter],
) -> io::Result<()> {
    attach_program(socket, libc::SO_ATTACH_FILTER, instructions)
}

fn attach_program(
    socket: BorrowedFd<'_>,
    name: libc::c_int,
    instructions: &mut [libc::sock_filter],
) -> io::Result<()> {
    let len = u16::try_from(instructions.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: instructions.as_mut_ptr() };
    // SAFETY: the pointer in the value leads to as many instructions as its length says, borrowed until the call
    // returns.
    unsafe { set(socket, libc::SOL_SOCKET, name, &program) }
}

/// Removes the filter of a socket, if it has one.
pub(crate) fn detach_filter(socket: BorrowedFd<'_>) -> io::Result<()> {
    detach(socket, libc::SO_DETACH_FILTER)
}

/// Removes the program of the reuseport group of a socket, if it has one.
pub(crate) fn detach_reuseport_program(socket: BorrowedFd<'_>) -> io::Result<()> {
    detach(socket, libc::SO_DETACH_REUSEPORT_BPF)
}

fn detach(socket: BorrowedFd<'_>, name: libc::c_int) -> io::Result<()> {
    match set_integer(socket, libc::SOL_SOCKET, name, 0) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

/// The numbers of `SO_MEMINFO` (`sk_meminfo_vars` in `linux/sock_diag.h`).
pub(crate) type MemoryInfo = [u32; 9];

/// Reads what a socket holds, and how much of it the kernel has dropped.
pub(crate) fn memory_info(socket: BorrowedFd<'_>) -> io::Result<MemoryInfo> {
    let mut info = MemoryInfo::default();
    let mut bytes = libc::socklen_t::try_from(size_of_val(&info)).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel writes no more than the size of the value, which is borrowed until the call returns, and any
    // bytes are integers.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    if outcome == 0 { Ok(info) } else { Err(io::Error::last_os_error()) }
}

/// # Safety
///
/// If the value contains a pointer, the memory that the kernel reads through it for this option must be valid during
/// the call.
unsafe fn set<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let bytes = libc::socklen_t::try_from(size_of::<T>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel copies no more than the size of the value, which is borrowed until the call returns.
    let outcome =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(value).cast(), bytes) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
