"""Opentracker, as Debian builds it."""

import os
import shutil
from pathlib import Path

from comparison.load import list_torrents
from comparison.processes import bound_to_us
from comparison.setup import Setup


def opentracker(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command, for UDP and HTTP on one port. Debian's build serves only torrents on a whitelist."""
    population = setup.population
    whitelist = setup.folder / f"whitelist-{population.seed}-{population.torrents}.txt"
    if not whitelist.exists():
        list_torrents(population, whitelist)
    setup.folder.chmod(0o755)
    return command("127.0.0.1", setup.port, setup.folder, whitelist), {}


def command(host: str, port: int, folder: Path, whitelist: Path) -> list[str]:
    """Returns the command for an address. Everyone must be able to read the folder and the list."""
    # It refuses to run as root. A change of user clears the parent-death signal, which is therefore set after it.
    user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    executable = shutil.which("opentracker") or "opentracker"
    return [*user, *bound_to_us([executable, "-i", host, "-p", str(port), "-P", str(port), "-d", str(folder),
                                 "-w", str(whitelist)])]
