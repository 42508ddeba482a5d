"""Answers in a form in which they can be compared: aspects, such as `outcome`, with short texts."""

import re

from differences.steps import Family, View

Answer = dict[str, str]

# What an error is about, by its words. The first that fits counts.
ERROR_CLASSES = [
    ("connection id", r"connection.?id|connect.*again|missmatch"),
    ("not served", r"whitelist|not (authorized|allowed|registered|served)|unauthorized|access denied"),
    ("malformed", r"info_?hash|peer_?id|param|port|invalid|malformed|missing|action|unknown|event|request|scrape|cannot|unexpected|JSON"),
]
MINUTE_S = 60
# A longer list of torrents is shown without repetitions.
LISTED_MAX = 4


def error_class(text: bytes | str) -> str:
    """Returns what an error is about."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    found = (name for name, pattern in ERROR_CLASSES if re.search(pattern, words, re.IGNORECASE))
    return f"error ({next(found, words[:60])})"


def interval_range(interval_s: int) -> str:
    """Returns a range around an interval: trackers spread intervals."""
    for minutes in (1, 5, 20, 60):
        if interval_s <= minutes * MINUTE_S:
            return f"at most {minutes} min"
    return "over 60 min"


def listed(addresses: list[tuple[str, int]], view: View, family: Family) -> Answer:
    """Returns which peers an announce lists."""
    if view.is_choice:
        return {"peers": str(len(addresses))}
    if view.stops:
        return {"peers": "some" if addresses else "none"}
    names = sorted(name_of(address, view, family) for address in addresses)
    me = view.me.name if view.me else None
    others = [name for name in names if name != me]
    return {"peers": " ".join(others) or "none", "self": "listed" if me in names else "not listed"}


def name_of(address: tuple[str, int], view: View, family: Family) -> str:
    """Returns the name of the peer at an address."""
    ip, port = address
    for peer in view.torrent.peers:
        if peer.port == port:
            return peer.name if ip == family.client(peer.client) else f"{peer.name}@{ip}"
    at_ip = [peer.name for peer in view.torrent.peers if ip == family.client(peer.client)]
    return f"{at_ip[0] if len(at_ip) == 1 else 'unknown'}:{'0' if port == 0 else 'port'}"


def in_words(aspect: str, our: Answer, their: Answer, view: View) -> tuple[str, str]:
    """Returns the values of an aspect in which two answers differ. Where one follows from the other, words say how: they fit
    swarms of all sizes."""
    ours, theirs = our.get(aspect, "absent"), their.get(aspect, "absent")
    if aspect == "counts" and view.me and theirs == without_itself(ours, view):
        return "with itself", "without itself"
    if aspect in ("peers", "offers"):
        if view.is_seeder and names(theirs) - names(ours) == view.seeders - {view.me and view.me.name}:
            return "leechers", "all"
        if "none" in (ours, theirs):
            return ("none", "some") if ours == "none" else ("some", "none")
    if aspect == "downloads" and view.is_drawn and theirs in ("0", their["counts"].split("/")[0]):
        return "counted", "not counted"
    return ours, theirs


def without_itself(counts: str, view: View) -> str:
    """Returns the counts of seeders and leechers without the peer that announces."""
    seeders, _, leechers = counts.partition("/")
    if not (seeders.isdigit() and leechers.isdigit()):
        return counts
    return f"{int(seeders) - view.is_seeder}/{int(leechers) - (not view.is_seeder)}"


def names(peers: str) -> set[str]:
    """Returns the names in a list of peers."""
    return set(peers.split()) - {"none"}
