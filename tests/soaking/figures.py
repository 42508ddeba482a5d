"""The figures of the tracker, and sums that must agree."""

import re
import time
from collections import defaultdict
from pathlib import Path

from comparison.management import connection, get

# Figures are a tenth of a second old.
AGREE_S_MAX, LOOK_S = 5.0, 0.1
LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="([^"]*)"')
Labels = dict[str, str]
RECEIVED, REQUESTS = "ringtrack_udp_datagrams_received_total", "ringtrack_requests_total"
REPLIES = "ringtrack_reply_seconds_count"
OPENED, OPEN = "ringtrack_http_connections_total", "ringtrack_http_connections_open"
CLOSED = ("ringtrack_http_connections_closed_total", "ringtrack_ws_connections_closed_total")


class Figures:
    """All figures at one time."""

    def __init__(self, text: str) -> None:
        """Reads the text format."""
        self.series: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
        for line in text.splitlines():
            if found := LINE.match(line):
                name, labels, value = found.groups()
                self.series[name].append((dict(LABEL.findall(labels or "")), float(value)))

    def sum(self, name: str, **wanted: str) -> float:
        """Returns the sum of a figure over all series with these labels."""
        return sum(value for labels, value in self.series[name] if wanted.items() <= labels.items())

    def disagreements(self) -> list[str]:
        """Returns the sums that differ, which they may only while requests are in flight."""
        pairs = {"connections opened - closed = open": (self.sum(OPENED) - sum(self.sum(name) for name in CLOSED), self.sum(OPEN))}
        for family in ("ipv4", "ipv6"):
            of_udp = {"protocol": "udp", "family": family}
            pairs[f"datagrams of {family} received = outcomes"] = self.sum(RECEIVED, family=family), self.sum(REQUESTS, **of_udp)
            for kind in ("connect", "announce", "scrape"):
                pairs[f"{kind}s over udp and {family} answered = replies"] = (
                    self.sum(REQUESTS, **of_udp, kind=kind, outcome="answered"), self.sum(REPLIES, **of_udp, kind=kind))
            pairs[f"errors over udp and {family} = replies"] = (
                self.sum(REQUESTS, **of_udp, outcome="error"), self.sum(REPLIES, **of_udp, kind="error"))
            of_http = {"protocol": "http", "family": family}
            for kind in ("announce", "scrape"):
                pairs[f"{kind}s over http and {family} answered = replies"] = (
                    self.sum(REQUESTS, **of_http, kind=kind, outcome="answered"), self.sum(REPLIES, **of_http, kind=kind))
        return [f"{what}: {one:,.0f} and {other:,.0f}" for what, (one, other) in pairs.items() if one != other]


def read(port: int) -> Figures:
    """Requests the figures."""
    with connection(port) as api:
        return Figures(get(api, "/metrics", {}).decode())


def disagreements(port: int) -> list[str]:
    """Returns the sums that differ when no load runs."""
    deadline = time.monotonic() + AGREE_S_MAX
    while (found := read(port).disagreements()) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return found


def dropped_datagrams() -> int:
    """Returns how many datagrams this machine has dropped over IPv4 because a receive buffer was full."""
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:"))
    return int(values[names.index("RcvbufErrors")])
