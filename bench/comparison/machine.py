"""The machine and the versions that were measured."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

from comparison.builds import AQUATIC_VERSION, BITTORRENT_TRACKER_VERSION, TORRUST_VERSION
from comparison.paths import ROOT


def machine() -> dict:
    """Returns the machine and the date."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def versions(servers: list[str]) -> dict[str, str]:
    """Returns the versions of the compiler and of the servers."""
    known = {
        "echo": ours,
        "ringtrack": ours,
        "before": lambda: "another build",
        "aquatic_udp": lambda: f"{AQUATIC_VERSION} (io_uring)",
        "aquatic_http": lambda: AQUATIC_VERSION,
        "aquatic_ws": lambda: AQUATIC_VERSION,
        "bittorrent-tracker": lambda: f"{BITTORRENT_TRACKER_VERSION} (Node.js {output(['node', '--version'])})",
        "nginx": lambda: of_package("nginx-light"),
        "opentracker": lambda: of_package("opentracker"),
        "torrust-tracker": lambda: TORRUST_VERSION,
    }
    return {"rustc": output(["rustc", "--version"]).removeprefix("rustc "), **{name: known[name]() for name in servers}}


def ours() -> str:
    """Returns the commit, and whether the tree has changes."""
    return output(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])


def of_package(name: str) -> str:
    """Returns the version of an installed Debian package."""
    return output(["dpkg-query", "--show", "--showformat=${Version}", name])


def in_words(of: dict) -> str:
    """Returns a line for a report."""
    return f"{of['cpu']}, {of['cores']} cores, {of['memory_gib']} GiB, {of['kernel']}, {of['date']}"


def cpu_model() -> str:
    """Returns the kernel's name for the processor."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def output(command: list[str]) -> str:
    """Returns the output of a command, or `unknown`."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
