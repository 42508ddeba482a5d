"""Installs the compared programs on this machine."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from comparison.paths import GIVEN, OTHERS, ROOT
from comparison.speech import say

AQUATIC_VERSION = "0.9.0"
TORRUST_VERSION = "3.0.0"
BITTORRENT_TRACKER_VERSION = "11.2.3"
# The build settings of ringtrack, for this processor: a crate from the registry has no profile.
BUILD_SETTINGS = {
    "CARGO_PROFILE_RELEASE_LTO": "fat",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "1",
    "CARGO_PROFILE_RELEASE_PANIC": "abort",
    "RUSTFLAGS": "-C target-cpu=native",
}
# A build that takes longer is taken to hang.
BUILD_S_MAX = 3600


class Unavailable(Exception):
    """A program is not available here; the text is the reason."""


def build_ours() -> None:
    """Builds ringtrack and its tools unless a folder with them is given, always: a comparison with an old build would mislead."""
    if GIVEN:
        return
    command = ["cargo", "build", "--release", "--quiet", "-p", "ringtrack", "-p", "ringtrack-bench"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=BUILD_S_MAX)


def available(names: list[str]) -> list[str]:
    """Returns the servers that can run here, and prints why others cannot."""
    return [name for name in names if is_available(name)]


def is_available(name: str) -> bool:
    """Returns whether a server is installed, or could be."""
    try:
        BRING.get(name, lambda: None)()
    except Unavailable as reason:
        say(f"{name} is left out: {reason}")
        return False
    return True


def bring_aquatic() -> None:
    """Installs aquatic_udp with io_uring, which is off by default."""
    install_crate("aquatic_udp", AQUATIC_VERSION, ["--features", "io-uring"])


def bring_torrust() -> None:
    """Installs Torrust with its lock file, to get the dependencies it was released with."""
    install_crate("torrust-tracker", TORRUST_VERSION, ["--locked", "--bin", "torrust-tracker"])


def bring_aquatic_http() -> None:
    """Installs the same tracker over HTTP."""
    install_crate("aquatic_http", AQUATIC_VERSION, [])


def bring_aquatic_ws() -> None:
    """Installs the same tracker over WebSocket."""
    install_crate("aquatic_ws", AQUATIC_VERSION, [])


def bring_bittorrent_tracker() -> None:
    """Installs the tracker of the WebTorrent project. Its client, whose scripts build WebRTC, is not used."""
    folder = bittorrent_tracker()
    if folder.exists():
        return
    if not shutil.which("npm"):
        raise Unavailable("Node.js and npm are not installed")
    prefix = folder.parents[1]
    prefix.mkdir(parents=True, exist_ok=True)
    run(["npm", "install", "--prefix", str(prefix), "--ignore-scripts", "--no-audit", "--no-fund", "--silent",
         f"bittorrent-tracker@{BITTORRENT_TRACKER_VERSION}"], dict(os.environ))


def bittorrent_tracker() -> Path:
    """Returns where the package is installed."""
    return OTHERS / f"bittorrent-tracker-{BITTORRENT_TRACKER_VERSION}" / "node_modules" / "bittorrent-tracker"


def bring_package(package: str, name: str) -> None:
    """Installs a package from Debian, the only source of binaries."""
    if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Unavailable(f"`apt-get install {package}` must be run first, as root on Debian")
    # Keeps Debian from starting it as a service.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    run(["apt-get", "update", "-qq"], environment)
    run(["apt-get", "install", "-y", "-qq", package], environment)


BRING: dict[str, Callable[[], None]] = {
    "aquatic_udp": bring_aquatic,
    "aquatic_http": bring_aquatic_http,
    "aquatic_ws": bring_aquatic_ws,
    "bittorrent-tracker": bring_bittorrent_tracker,
    "nginx": lambda: bring_package("nginx-light", "nginx"),
    "opentracker": lambda: bring_package("opentracker", "opentracker"),
    "torrust-tracker": bring_torrust,
}


def install_crate(crate: str, version: str, options: list[str]) -> None:
    """Builds a version of a crate, once."""
    if program(crate, version).exists():
        return
    say(f"building {crate} {version}, once")
    command = ["cargo", "install", crate, "--version", version, *options, "--root", str(program(crate, version).parents[1]),
               "--target-dir", str(OTHERS / "build"), "--quiet"]
    run(command, {**os.environ, **BUILD_SETTINGS})


def program(crate: str, version: str) -> Path:
    """Returns where a version of a crate is installed."""
    return OTHERS / f"{crate}-{version}" / "bin" / crate


def run(command: list[str], environment: dict[str, str]) -> None:
    """Runs an installer. If it fails, its last line is the reason."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=BUILD_S_MAX,
                              check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode != 0:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise Unavailable(f"`{' '.join(command[:3])}` failed: {last}")
