"""A ringtrack over several processes: it is restarted, and handed over to new processes."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from comparison import ringtrack
from comparison.processes import LOOK_S, Binding, adopt_orphans, exit_code, has_ended, inherited, spawn

# Time for a start with millions of peers in the snapshot, and for a stop that writes them.
START_S_MAX = STOP_S_MAX = 180
UPGRADE_S_MAX = 300
# Time for the old process to end after its successor serves: it waits for open connections.
LEAVE_S_MAX = 60
READY = "ready"


@dataclass
class Succession:
    """The processes of a tracker, of which one is alive except during a handover, when two are."""

    command: list[str]
    environment: dict[str, str]
    cores: list[int]
    # For the logs. A process that takes over continues the log of the one before.
    folder: Path
    logs: list[Path] = field(default_factory=list)
    pid: int | None = None
    # Before the command, such as `nice`.
    around: tuple[str, ...] = ()
    binding: Binding = field(default_factory=Binding)

    def start(self) -> float:
        """Starts a process, and returns the seconds until it is ready."""
        log = self.folder / f"ringtrack-{len(self.logs) + 1}.log"
        begun_s = time.monotonic()
        process = spawn([*self.around, *self.command], self.cores, self.environment, log)
        self.become(process.pid)
        # Its end is awaited by its id, like that of its successors.
        process.returncode = 0
        self.logs.append(log)
        while not any(entry.get("message") == READY for entry in entries(log)):
            if has_ended(process.pid) or time.monotonic() - begun_s > START_S_MAX:
                raise RuntimeError(f"ringtrack is not ready: {log.read_text(errors='replace')[-500:]}")
            time.sleep(LOOK_S)
        return time.monotonic() - begun_s

    def stop(self) -> float:
        """Stops the process, and returns the seconds that it takes."""
        begun_s, pid = time.monotonic(), self.alive()
        os.kill(pid, signal.SIGTERM)
        code = exit_code(pid, STOP_S_MAX)
        self.become(None)
        if code != 0:
            raise RuntimeError(f"ringtrack has stopped with exit code {code}")
        return time.monotonic() - begun_s

    def upgrade(self) -> float:
        """Hands over to a new process, and returns the seconds until it serves. The old one ends later."""
        begun_s, old = time.monotonic(), self.alive()
        done = subprocess.run([self.command[0], "upgrade", "--pid", str(old)], env={**inherited(), **self.environment},
                              capture_output=True, text=True, timeout=UPGRADE_S_MAX, check=False)
        took_s = time.monotonic() - begun_s
        if done.returncode != 0:
            raise RuntimeError(f"`ringtrack upgrade` failed with {done.returncode}: {done.stderr.strip()}")
        self.become(successor_in(done.stdout))
        if (code := exit_code(old, LEAVE_S_MAX)) != 0:
            raise RuntimeError(f"the old process has ended with exit code {code}")
        return took_s

    def alive(self) -> int:
        """Returns the id of the process that serves."""
        if self.pid is None or has_ended(self.pid):
            raise RuntimeError(f"ringtrack has ended unexpectedly: {self.last_words()}")
        return self.pid

    def become(self, pid: int | None) -> None:
        """Records the process that serves from now on."""
        self.pid = pid
        self.binding.bind(pid)

    def last_words(self) -> str:
        """Returns the end of the log."""
        return self.logs[-1].read_text(errors="replace")[-500:] if self.logs else "it was not started"

    def end(self) -> None:
        """Kills the process if it is alive."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError, RuntimeError):
                os.kill(self.pid, signal.SIGKILL)
                exit_code(self.pid, STOP_S_MAX)
        self.binding.close()


@contextlib.contextmanager
def succession(environment: dict[str, str], cores: list[int], folder: Path, arguments: tuple[str, ...] = ()) -> Iterator[Succession]:
    """Prepares a tracker that is not started yet. None of its processes lives longer than the block."""
    adopt_orphans()
    tracker = Succession([str(ringtrack.PROGRAM), *arguments], environment, cores, folder)
    try:
        yield tracker
    finally:
        tracker.end()


def successor_in(text: str) -> int:
    """Returns the id of the new process in the output of `ringtrack upgrade`: after the word `process`, or the last word."""
    found = re.search(r"\bprocess (\d+)\b", text) or re.search(r"(\d+)\s*$", text)
    if not found:
        raise RuntimeError(f"`ringtrack upgrade` names no process: {text!r}")
    return int(found.group(1))


def entries(log: Path) -> list[dict]:
    """Returns the lines of a log in JSON; one that is not JSON has only a message."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {"message": line}
        found.append(entry if isinstance(entry, dict) else {"message": line})
    return found
