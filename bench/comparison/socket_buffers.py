"""The kernel's default for socket buffers, for trackers that leave theirs at it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from comparison.speech import say

DEFAULT = Path("/proc/sys/net/core/rmem_default")
# What ringtrack and the echo floor ask for: it holds all requests that a window has on their way.
RECEIVE_BYTES = 4 << 20


@contextlib.contextmanager
def ample_receive_buffers() -> Iterator[None]:
    """A tracker that loses requests in a small buffer waits for the client's time-out: what would be measured is
    that. The default is put back at the end; it is changed only by root."""
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
