"""Executes a program with descriptors, as systemd passes them: those that arrive at the socket of this path, with names."""

import fcntl
import os
import socket
import sys

path, *command = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as giver:
    giver.connect(path)
    names, descriptors, _, _ = socket.recv_fds(giver, 4096, 200)
# Out of the way of each other.
copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 1000) for descriptor in descriptors]
os.closerange(3, 1000)
for number, copy in enumerate(copies, 3):
    os.dup2(copy, number, inheritable=True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(descriptors)), "LISTEN_FDNAMES": names.decode()}
os.execvp(command[0], command)
