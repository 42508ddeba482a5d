"""A control group with a limit on memory (version 1 or 2)."""

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NUMBERS = itertools.count()


@dataclass(frozen=True)
class ControlGroup:
    """A group, empty at first."""

    folder: Path
    usage: str
    events: str

    def around(self) -> tuple[str, ...]:
        """Returns the start of a command that runs in the group."""
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh")

    def used_bytes(self) -> int:
        """Returns the memory that the kernel accounts to the group."""
        return int((self.folder / self.usage).read_text())

    def kills(self) -> int:
        """Returns how often the kernel has killed a process of the group for its memory."""
        found = re.search(r"^oom_kill (\d+)$", (self.folder / self.events).read_text(), re.MULTILINE)
        return int(found.group(1)) if found else 0


@contextlib.contextmanager
def control_group(bytes_max: int) -> Iterator[ControlGroup]:
    """Makes a group below that of this process (version 1) or at the root (version 2) for the block."""
    mine = re.search(r"^\d+:memory:(.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE)
    name = f"ringtrack-compare-{os.getpid()}-{next(NUMBERS)}"
    if mine:
        parent, limits = Path(f"/sys/fs/cgroup/memory{mine.group(1)}"), {"memory.limit_in_bytes": bytes_max}
        group = ControlGroup(parent / name, "memory.usage_in_bytes", "memory.oom_control")
    else:
        limits = {"memory.max": bytes_max, "memory.swap.max": 0}
        group = ControlGroup(Path("/sys/fs/cgroup") / name, "memory.current", "memory.events")
    group.folder.mkdir()
    try:
        for file, value in limits.items():
            (group.folder / file).write_text(str(value))
        yield group
    finally:
        # A process that ends may be in it for a moment longer; an empty group costs nothing.
        with contextlib.suppress(OSError):
            group.folder.rmdir()
