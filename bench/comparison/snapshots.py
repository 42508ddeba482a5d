"""The folder in which a ringtrack keeps its snapshot."""

import time
from pathlib import Path

# Between two looks at the folder.
LOOK_S = 0.02
# What differs after a file has been replaced.
Identity = tuple[int, int]


def manifest(folder: Path) -> Identity | None:
    """Returns the identity of the manifest, the last file of a snapshot that is written; None if there is none."""
    try:
        found = (folder / "manifest").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def wait_for_snapshot(folder: Path, before: Identity | None, seconds_max: float) -> None:
    """Waits for another manifest than the one before."""
    deadline = time.monotonic() + seconds_max
    while manifest(folder) in (None, before):
        if time.monotonic() > deadline:
            raise RuntimeError(f"there is no new snapshot in {folder} within {seconds_max:g} s")
        time.sleep(LOOK_S)


def folder_bytes(folder: Path) -> int:
    """Returns the bytes of all files of a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
