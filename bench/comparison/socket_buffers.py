"""The kernel's default for socket buffers, for trackers that do not set their own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from comparison.speech import say

DEFAULT = Path("/proc/sys/net/core/rmem_default")
# The size that ringtrack and the echo floor request: it holds all outstanding requests of a window.
RECEIVE_BYTES = 4 << 20


@contextlib.contextmanager
def ample_receive_buffers() -> Iterator[None]:
    """Raises the default during the block, if run as root: with a small buffer a tracker loses requests, and the
    client's time-out would be measured."""
    before = DEFAULT.read_text()
    try:
        DEFAULT.write_text(str(max(int(before), RECEIVE_BYTES)))
    except OSError as error:
        say(f"net.core.rmem_default stays {before.strip()} ({error}): trackers without a setting of their own lose requests")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            DEFAULT.write_text(before)
