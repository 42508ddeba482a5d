"""Child processes that end with this process in any case."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

# Time for a server to stop on SIGTERM, which Torrust ignores.
STOP_S_MAX = 3
# Between two looks at a process that is to end.
LOOK_S = 0.01
PR_SET_CHILD_SUBREAPER = 36
# Reads process ids until its input ends, and kills the last one then.
KILL_LAST = 'while read -r pid; do last=$pid; done; [ -z "$last" ] || kill -KILL "$last"'


def bound_to_us(command: list[str]) -> list[str]:
    """Returns a command that the kernel kills when this process ends: no `finally` runs in a killed process."""
    return ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command


def spawn(command: list[str], cores: list[int], environment: dict[str, str], log: Path) -> subprocess.Popen:
    """Starts a program on these cores, with its output in a file and without our RINGTRACK_ variables."""
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *command]
    with log.open("wb") as out:
        return subprocess.Popen(bound_to_us(pinned), env={**inherited(), **environment}, stdin=subprocess.DEVNULL,
                                stdout=out, stderr=subprocess.STDOUT)


def inherited() -> dict[str, str]:
    """Returns the environment of this process without the RINGTRACK_ variables, which are settings of the tracker."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGTRACK_")}


def adopt_orphans() -> None:
    """Makes this process the parent of its descendants whose parents end, so that it can wait for them."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class Binding:
    """Kills a process that this one has not started itself when this one ends in any way."""

    def __init__(self) -> None:
        """Starts the process that waits for the end of this one, and ignores the interrupts of its terminal."""
        self.process = subprocess.Popen(["bash", "-c", KILL_LAST], stdin=subprocess.PIPE, start_new_session=True)

    def bind(self, pid: int | None) -> None:
        """Replaces the process that is to be killed; None is none."""
        assert self.process.stdin
        self.process.stdin.write(b"%s\n" % (b"" if pid is None else b"%d" % pid))
        self.process.stdin.flush()

    def close(self) -> None:
        """Kills nothing."""
        self.bind(None)
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def exit_code(pid: int, seconds_max: float) -> int:
    """Waits for the end of a child or an adopted process."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(LOOK_S)
    raise RuntimeError(f"process {pid} has not ended within {seconds_max:g} s")


def has_ended(pid: int) -> bool:
    """Returns whether a child or an adopted process has ended; its exit code can still be read."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def stop(process: subprocess.Popen) -> None:
    """Terminates a process, and kills it if it does not end."""
    if process.poll() is not None:
        return
    try:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STOP_S_MAX)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Used:
    """What a process has used."""

    cpu_s: float
    context_switches: int

    def since(self, before: "Used") -> "Used":
        """Returns the use after an earlier moment."""
        return Used(self.cpu_s - before.cpu_s, self.context_switches - before.context_switches)


def used(pid: int) -> Used:
    """Returns the use of a process, in user space and in the kernel."""
    return Used(cpu_s(pid), sum(map(context_switches, Path(f"/proc/{pid}/task").iterdir())))


def cpu_s(pid: int) -> float:
    """Returns the CPU time of all threads of a process, to the nanosecond, also of those that have ended."""
    clock = ctypes.c_int()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def context_switches(task: Path) -> int:
    """Returns how often a thread has lost its core; 0 if it has ended meanwhile."""
    try:
        lines = (task / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def kernel_bytes() -> int:
    """Returns the memory of the kernel's objects, and of the buffers of all TCP sockets."""
    slab = re.search(r"^Slab: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    pages = re.search(r"^TCP: .* mem (\d+)$", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
    assert slab and pages
    return int(slab.group(1)) * 1024 + int(pages.group(1)) * os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """Returns the resident memory of a process."""
    return status_bytes(pid, "VmRSS")


def resident_peak_bytes(pid: int) -> int:
    """Returns the most resident memory that a process has had."""
    return status_bytes(pid, "VmHWM")


def status_bytes(pid: int, field: str) -> int:
    """Returns a figure of the kernel's about a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024
