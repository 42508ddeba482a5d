"""Checks a private and listed tracker against version 1 of the management API, row by row of its page.

Usage: modes_on.py PLACES, a JSON object: `api`, `health`, `udp`, `http` (addresses and ports), `token`,
`database` (a file of SQLite) and `keys_max`.

Prints one line per difference, and fails if there is any.
"""

import re
import sqlite3
import time

from checks import ACK, JSON, KEY_JSON, TEXT, TOKEN_NOT_VALID, UNAUTHORIZED, Checks, bad_info_hash, failed
from wire import ANNOUNCE, CONNECT, ERROR, SCRAPE, Answer, Http, Peer, Udp, announce_target, failure_reason

KEY = re.compile(r"[0-9A-Za-z]{32}")
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} UTC")
U64_MAX = 2**64 - 1
HASH = "9c38422213e30bff212b30c360d26f9a02136422"
# Too few and too many digits, none, and not only digits.
BAD_HASHES = {
    "0": "0",
    "-1": "-1",
    "1.1": "1.1",
    "INVALID%20INFOHASH": "INVALID INFOHASH",
    HASH[:-1]: HASH[:-1],
    HASH + "0": HASH + "0",
    HASH[:-1] + "g": HASH[:-1] + "g",
}
BAD_KEYS = ["x", "IrweYtVuQPGbG9Jzx1DihcPmJGGpVy8", "IrweYtVuQPGbG9Jzx1DihcPmJGGpVy82a", "%RweYtVuQPGbG9Jzx1DihcPmJGGpVy82"]
ROUTES = [
    ("GET", "/api/v1/stats"),
    ("GET", "/api/v1/metrics"),
    ("GET", f"/api/v1/torrent/{HASH}"),
    ("GET", "/api/v1/torrents"),
    ("POST", "/api/v1/keys"),
    ("POST", "/api/v1/key/60"),
    ("DELETE", "/api/v1/key/IrweYtVuQPGbG9Jzx1DihcPmJGGpVy82"),
    ("GET", "/api/v1/keys/reload"),
    ("POST", f"/api/v1/whitelist/{HASH}"),
    ("DELETE", f"/api/v1/whitelist/{HASH}"),
    ("GET", "/api/v1/whitelist/reload"),
]
STATS = ["torrents", "seeders", "completed", "leechers"]
STATS += [f"{way}{family}_{what}_handled" for way in ("tcp", "udp") for family in (4, 6) for what in ("connections", "announces", "scrapes")]
LATER_STATS = ["udp_requests_aborted", "udp_requests_banned", "udp_banned_ips_total"]
LATER_STATS += [f"udp_avg_{what}_processing_time_ns" for what in ("connect", "announce", "scrape")]
LATER_STATS += [f"udp{family}_{what}" for family in (4, 6) for what in ("requests", "responses", "errors_handled")]


def alive(checks: Checks) -> None:
    checks.is_json("health of the API", checks.api.ask("GET", "/api/health_check"), {"status": "Ok"})


def authentication(checks: Checks) -> None:
    right, wrong = checks.token, "wrong-token-of-nobody"
    # Each from its own source, because wrong tokens are counted per source.
    for number, (method, path) in enumerate(ROUTES, start=10):
        what, source = f"{method} {path}", f"127.0.0.{number}"
        checks.is_text(f"{what} without token", checks.api.ask(method, path), 500, UNAUTHORIZED)
        answer = checks.api.ask(method, f"{path}?token={wrong}", source=source)
        checks.is_text(f"{what} with wrong token", answer, 500, TOKEN_NOT_VALID)
        answer = checks.api.ask(method, f"{path}?token={right}", headers=bearer(wrong), source=source)
        checks.is_text(f"{what} with wrong header", answer, 500, TOKEN_NOT_VALID)
    checks.is_text("no token's value", checks.api.ask("GET", "/api/v1/stats?token="), 500, TOKEN_NOT_VALID)
    answer = checks.api.ask("GET", f"/api/v1/stats?token={wrong}", headers=bearer(right))
    checks.expect("the header wins", answer.status, 200)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def whitelist(checks: Checks) -> None:
    for method in ("POST", "DELETE"):
        for _ in range(2):
            checks.is_ack(f"{method} whitelist", checks.ask(method, f"/api/v1/whitelist/{HASH}"))
        checks.is_ack(f"{method} upper case", checks.ask(method, f"/api/v1/whitelist/{HASH.upper()}"))
        for written, text in BAD_HASHES.items():
            answer = checks.ask(method, f"/api/v1/whitelist/{written}")
            checks.is_text(f"{method} whitelist {text}", answer, 400, bad_info_hash(text))
        for nothing in ("", f"{HASH}/", f"a/{HASH}"):
            checks.is_nowhere(f"{method} whitelist {nothing!r}", checks.ask(method, f"/api/v1/whitelist/{nothing}"))
    checks.is_ack("reload whitelist", checks.ask("GET", "/api/v1/whitelist/reload"))


def key_object(checks: Checks, what: str, answer: Answer, seconds: int | None) -> str:
    """Checks a key object that is valid for this many seconds, or without end, and returns its key."""
    checks.expect(f"{what}: status and type", (answer.status, answer.content_type), (200, KEY_JSON))
    found = answer.json()
    checks.expect(f"{what}: members", sorted(found), ["expiry_time", "key", "valid_until"])
    checks.is_so(f"{what}: key {found['key']}", KEY.fullmatch(found["key"]))
    if seconds is None:
        checks.expect(f"{what}: permanent", (found["valid_until"], found["expiry_time"]), (None, None))
    else:
        late_s = time.time() + seconds - found["valid_until"]
        checks.is_so(f"{what}: {late_s} s off", -2 < late_s < 60)
        checks.is_so(f"{what}: {found['expiry_time']}", DATE.fullmatch(found["expiry_time"]))
        if seconds < 10**9:
            date = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found["valid_until"]))
            checks.expect(f"{what}: date", found["expiry_time"][:19], date)
    return found["key"]


def keys(checks: Checks) -> None:
    post = lambda form: checks.ask_json("POST", "/api/v1/keys", form)
    made = set()
    for key in (None, "IrweYtVuQPGbG9Jzx1DihcPmJGGpVy82"):
        for seconds in (None, 0, 60, 10**10):
            answer = post({"key": key, "seconds_valid": seconds})
            made.add(key_object(checks, f"POST keys {key} {seconds}", answer, seconds))
            if key:
                checks.expect("the key that was wanted", answer.json()["key"], key)
    checks.expect("keys that were made", len(made), 5)
    for key in BAD_KEYS:
        begin = f'Invalid URL: invalid auth key: string "{key}", '
        checks.is_text_from(f"POST keys {key}", post({"key": key, "seconds_valid": 60}), 400, begin)
    too_long = f'Invalid URL: invalid auth key duration: "{U64_MAX}"'
    checks.is_text("POST keys too long", post({"key": None, "seconds_valid": U64_MAX}), 400, too_long)
    begin = "Failed to deserialize the JSON body into the target type: "
    for form in ({"key": 1, "seconds_valid": 60}, {"key": None, "seconds_valid": "x"}, {"key": None, "seconds_valid": -1}, {}, {"key": None}):
        checks.is_text_from(f"POST keys {form}", post(form), 422, begin)
    deprecated_keys(checks, made)
    for key in made:
        checks.is_ack("DELETE key", checks.ask("DELETE", f"/api/v1/key/{key}"))
        checks.is_failure("DELETE absent key", checks.ask("DELETE", f"/api/v1/key/{key}"), "failed to delete key")
    for key in BAD_KEYS[:-1] + ["-1"]:
        text = f'Invalid auth key id param "{key}"'
        checks.is_text(f"DELETE key {key}", checks.ask("DELETE", f"/api/v1/key/{key}"), 400, text)
    for nothing in ("", "a/b"):
        checks.is_nowhere(f"DELETE key {nothing!r}", checks.ask("DELETE", f"/api/v1/key/{nothing}"))
    checks.is_ack("reload keys", checks.ask("GET", "/api/v1/keys/reload"))


def deprecated_keys(checks: Checks, made: set[str]) -> None:
    for seconds in (0, 60):
        answer = checks.ask("POST", f"/api/v1/key/{seconds}")
        made.add(key_object(checks, f"POST key {seconds}", answer, seconds))
    for seconds in ("x", "-1", "+5", "1.5", str(U64_MAX + 1)):
        text = f"Invalid URL: Cannot parse `\"{seconds}\"` to a `u64` "
        checks.is_text(f"POST key {seconds}", checks.ask("POST", f"/api/v1/key/{seconds}"), 400, text.rstrip())
    for nothing in ("", "6/0"):
        checks.is_nowhere(f"POST key {nothing!r}", checks.ask("POST", f"/api/v1/key/{nothing}"))


class Traffic:
    """Torrents with peers, and the counts that the tracker must report."""

    def __init__(self, checks: Checks):
        self.checks = checks
        self.http = Http(checks.places["http"])
        self.key = self.new_key(3600)
        self.hashes = [bytes([number]) * 20 for number in range(1, 6)]
        for info_hash in self.hashes:
            checks.is_ack("whitelist", checks.ask("POST", f"/api/v1/whitelist/{info_hash.hex()}"))
        self.udp = Udp(checks.places["udp"])
        self.http_announces = self.http_scrapes = 0

    def new_key(self, seconds: int | None) -> str:
        return self.checks.ask_json("POST", "/api/v1/keys", {"key": None, "seconds_valid": seconds}).json()["key"]

    def run(self) -> None:
        self.seeder = Peer(self.hashes[0], 2001, left=0, event="started", uploaded=7, peer_id=b"-TR3000-abcdefghijkl")
        self.leecher = Peer(self.hashes[0], 2002, left=5, uploaded=1, downloaded=2)
        self.finisher = Peer(self.hashes[0], 2003, left=9, event="started", peer_id=b"no-client-you-know-!")
        path = f"/announce/{self.key}"
        for peer in [self.seeder, self.leecher, self.finisher]:
            self.checks.expect("announce over UDP", self.udp.announce(peer, path)[0], ANNOUNCE)
        self.finisher.left, self.finisher.event = 0, "completed"
        self.over_http(self.finisher)
        for number, info_hash in enumerate(self.hashes[1:]):
            self.over_http(Peer(info_hash, 3000 + number))
        scrape = self.http.ask("GET", f"/scrape/{self.key}?info_hash=" + "%01" * 20)
        self.checks.is_so(f"scrape over HTTP: {scrape}", b"8:completei2e10:downloadedi1e10:incompletei1e" in scrape.body)
        self.http_scrapes += 1

    def over_http(self, peer: Peer) -> None:
        answer = self.http.ask("GET", announce_target(peer, self.key))
        self.checks.expect(f"announce over HTTP: {answer}", failure_reason(answer.body), None)
        self.http_announces += 1


def torrents(checks: Checks, traffic: Traffic) -> None:
    item = lambda info_hash, seeders=0, completed=0, leechers=1: {
        "info_hash": info_hash.hex(), "seeders": seeders, "completed": completed, "leechers": leechers,
    }
    # In the order of their info hashes.
    all_items = [item(traffic.hashes[0], 2, 1, 1)] + [item(info_hash) for info_hash in traffic.hashes[1:]]
    whole = checks.ask("GET", "/api/v1/torrents")
    checks.expect("torrents: status and type", (whole.status, whole.content_type), (200, JSON))
    checks.expect("torrents", whole.json(), all_items)
    pages = [checks.ask("GET", f"/api/v1/torrents?offset={offset}&limit=2").json() for offset in (0, 2, 4, 6)]
    checks.expect("pages", [len(page) for page in pages], [2, 2, 1, 0])
    checks.expect("torrents of all pages", sum(pages, []), all_items)
    named = "&".join(f"info_hash={text}" for text in [traffic.hashes[3].hex(), HASH, traffic.hashes[0].hex()])
    found = checks.ask("GET", f"/api/v1/torrents?{named}&offset=1&limit=1")
    checks.expect("named torrents", found.json(), [all_items[3], all_items[0]])
    found = checks.ask("GET", f"/api/v1/torrents?info_hash={HASH}")
    checks.is_json("a named torrent that is not known", found, [])
    for written, text in BAD_HASHES.items():
        answer = checks.ask("GET", f"/api/v1/torrents?info_hash={written}")
        checks.is_text(f"torrents named {text}", answer, 400, bad_info_hash(text))
    for query in ("offset=x", "limit=x", "offset=-1", "offset=%2B1", "limit=1.1"):
        answer = checks.ask("GET", f"/api/v1/torrents?{query}")
        checks.expect(f"torrents {query}", (answer.status, answer.content_type), (400, TEXT))


def torrent(checks: Checks, traffic: Traffic) -> None:
    path = f"/api/v1/torrent/{traffic.hashes[0].hex()}"
    answer = checks.ask("GET", path)
    checks.expect("torrent: status and type", (answer.status, answer.content_type), (200, JSON))
    found = answer.json()
    checks.expect("torrent: members", sorted(found), ["completed", "info_hash", "leechers", "peers", "seeders"])
    counts = [found[name] for name in ("info_hash", "seeders", "completed", "leechers")]
    checks.expect("torrent: counts", counts, [traffic.hashes[0].hex(), 2, 1, 1])
    peers = sorted(found["peers"], key=lambda peer: peer["peer_addr"])
    wanted = [(traffic.seeder, "Started"), (traffic.leecher, "None"), (traffic.finisher, "Completed")]
    checks.expect("peers", len(peers), len(wanted))
    for found, (peer, event) in zip(peers, wanted):
        same_peer(checks, found, peer, event)
    checks.expect("a client that is known", peers[0]["peer_id"]["client"], "Transmission")
    checks.expect("a client that is not known", peers[2]["peer_id"]["client"], None)
    checks.is_json("torrent that is not known", checks.ask("GET", f"/api/v1/torrent/{HASH}"), "torrent not known")
    for written, text in BAD_HASHES.items():
        checks.is_text(f"torrent {text}", checks.ask("GET", f"/api/v1/torrent/{written}"), 400, bad_info_hash(text))
    for nothing in ("", f"{HASH}/", f"a/{HASH}"):
        checks.is_nowhere(f"torrent {nothing!r}", checks.ask("GET", f"/api/v1/torrent/{nothing}"))


def same_peer(checks: Checks, found: dict, peer: Peer, event: str) -> None:
    what = f"peer {peer.port}"
    ago_ms = time.time() * 1000 - found["updated"]
    checks.is_so(f"{what}: updated {ago_ms} ms ago", -2000 < ago_ms < 60_000)
    checks.is_so(f"{what}: {found['updated_milliseconds_ago']} ms", 0 <= found["updated_milliseconds_ago"] < 60_000)
    client = found["peer_id"]["client"]
    checks.is_so(f"{what}: client {client!r}", client is None or isinstance(client, str))
    wanted = {
        "peer_id": {"id": "0x" + peer.peer_id.hex(), "client": client},
        "peer_addr": f"127.0.0.1:{peer.port}",
        "updated": found["updated"],
        "updated_milliseconds_ago": found["updated_milliseconds_ago"],
        "uploaded": peer.uploaded,
        "downloaded": peer.downloaded,
        "left": peer.left,
        "event": event,
    }
    checks.expect(what, found, wanted)


def stats(checks: Checks, traffic: Traffic) -> None:
    answers = traffic.udp.answers
    wanted = {
        "torrents": 5, "seeders": 2, "completed": 1, "leechers": 5,
        "tcp4_connections_handled": traffic.http_announces + traffic.http_scrapes,
        "tcp4_announces_handled": traffic.http_announces,
        "tcp4_scrapes_handled": traffic.http_scrapes,
        "udp4_connections_handled": answers[CONNECT],
        "udp4_announces_handled": answers[ANNOUNCE],
        "udp4_scrapes_handled": answers[SCRAPE],
        "udp4_requests": traffic.udp.sent,
        "udp4_responses": sum(answers.values()),
        "udp4_errors_handled": answers[ERROR],
    }
    wanted = {name: wanted.get(name, 0) for name in STATS + LATER_STATS}
    checks.until("stats", lambda: checks.ask("GET", "/api/v1/stats").json(), wanted)
    answer = checks.ask("GET", "/api/v1/stats")
    checks.expect("stats: status and type", (answer.status, answer.content_type), (200, JSON))
    answer = checks.ask("GET", "/api/v1/stats?format=prometheus")
    told = dict(line.split(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    checks.expect("stats for Prometheus", told, {name: str(value) for name, value in wanted.items()})
    for_prometheus(checks, "stats", answer)


def for_prometheus(checks: Checks, what: str, answer: Answer) -> None:
    checks.expect(f"{what} for Prometheus: status", answer.status, 200)
    checks.is_so(f"{what} for Prometheus: {answer.content_type}", answer.content_type.startswith("text/plain"))
    sample = re.compile(r'[a-z_:][a-z0-9_:]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? \d+(\.\d+)?')
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    checks.is_so(f"{what} for Prometheus: some", lines)
    for line in lines:
        checks.is_so(f"{what} for Prometheus: {line}", sample.fullmatch(line))


def metrics(checks: Checks) -> None:
    answer = checks.ask("GET", "/api/v1/metrics")
    checks.expect("metrics: status and type", (answer.status, answer.content_type), (200, JSON))
    checks.is_so("metrics: some", answer.json())
    for_prometheus(checks, "metrics", checks.ask("GET", "/api/v1/metrics?format=prometheus"))


def failure_reasons(checks: Checks, traffic: Traffic) -> None:
    peer = Peer(traffic.hashes[0], 4000)
    cannot = "Cannot parse query params for announce request: "
    expired, removed = traffic.new_key(0), traffic.new_key(None)
    checks.is_ack("DELETE key", checks.ask("DELETE", f"/api/v1/key/{removed}"))
    unlisted = bytes.fromhex(HASH)
    cases = [
        (announce_target(peer, traffic.key, **{name: None}), f"{cannot}missing param {name}")
        for name in ("info_hash", "peer_id", "port")
    ] + [
        (announce_target(peer, traffic.key, **{name: value}), f"{cannot}invalid param value {value} for {name}")
        for name, value in {"info_hash": "invalid", "peer_id": "-qB00000000000000000000", "port": "65536"}.items()
    ] + [
        (announce_target(peer), "Authentication error: "),
        (announce_target(peer, "IrweYtVuQPGbG9Jzx1DihcPmJGGpVy82"), "Authentication error: "),
        (announce_target(peer, "INVALID_KEY"), "Authentication error: "),
        (announce_target(peer, expired), "Authentication error: "),
        (announce_target(peer, removed), "Authentication error: "),
        (announce_target(Peer(unlisted, 4000), traffic.key), f"The torrent: {HASH}, is not whitelisted"),
    ]
    for target, wanted in cases:
        answer = traffic.http.ask("GET", target)
        checks.expect(f"{target}: status", answer.status, 200)
        reason = failure_reason(answer.body)
        checks.is_so(f"{target}: {reason!r}, not {wanted!r}", reason and wanted in reason)
    for path, wanted in [("", "Authentication error: "), (f"/announce/{expired}", "Authentication error: ")]:
        action, text = traffic.udp.announce(peer, path)
        checks.is_so(f"over UDP with {path!r}: {text}", action == ERROR and text.decode().startswith(wanted))
    action, text = traffic.udp.announce(Peer(unlisted, 4000), f"/announce/{traffic.key}")
    checks.is_so(f"over UDP: {text}", action == ERROR and text.decode() == f"The torrent: {HASH}, is not whitelisted")


def health_checks(checks: Checks) -> None:
    answer = Http(checks.places["health"]).ask("GET", "/health_check")
    checks.expect("health checks: status and type", (answer.status, answer.content_type), (200, JSON))
    found = answer.json()
    checks.expect("health checks", (found["status"], found["message"]), ("Ok", ""))
    checks.expect("health checks: members", sorted(found), ["details", "message", "status"])
    bindings = sorted(detail["binding"] for detail in found["details"])
    checks.expect("what is checked", bindings, sorted(checks.places[name] for name in ("udp", "http", "api")))
    for detail in found["details"]:
        checks.expect(f"{detail}: members", sorted(detail), ["binding", "info", "result"])
        checks.expect(f"{detail}", (sorted(detail["result"]), type(detail["result"]["Ok"])), (["Ok"], str))
        checks.is_so(f"{detail}: info", detail["binding"] in detail["info"])


def full_of_keys(checks: Checks) -> None:
    for _ in range(checks.places["keys_max"] + 1):
        answer = checks.ask_json("POST", "/api/v1/keys", {"key": None, "seconds_valid": None})
        if answer.status != 200:
            break
    checks.is_failure("POST keys beyond the limit", answer, "failed to generate key")
    checks.is_failure("POST key beyond the limit", checks.ask("POST", "/api/v1/key/60"), "failed to generate key")


def lines(first: int, count: int) -> str:
    """Info hashes for the bulk route, which is not on the page: one request per torrent would take long."""
    return "".join(f"{number:040x}\n" for number in range(first, first + count))


def broken_database(checks: Checks, traffic: Traffic, spare: str) -> None:
    """Without its tables nothing can be read or written, and the number of waiting writes is limited."""
    # A reload of the keys first writes the new ones, so that a later change of one is another waiting write.
    checks.is_ack("reload keys", checks.ask("GET", "/api/v1/keys/reload"))
    with sqlite3.connect(checks.places["database"], timeout=20) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            database.execute(f'ALTER TABLE "{table}" RENAME TO "gone_{table}"')
    for what in ("keys", "whitelist"):
        answer = checks.ask("GET", f"/api/v1/{what}/reload")
        checks.is_failure(f"reload {what} without tables", answer, f"failed to reload {what}")
    waiting = 0
    while checks.ask("POST", "/api/v1/whitelist", lines(waiting, 100)).status == 200:
        waiting += 100
        assert waiting < 10_000, "the number of waiting writes has no limit"
    while (answer := checks.ask("POST", f"/api/v1/whitelist/{waiting:040x}")).status == 200:
        waiting += 1
    checks.is_failure("POST whitelist without tables", answer, "failed to whitelist torrent")
    answer = checks.ask("DELETE", f"/api/v1/whitelist/{HASH}")
    checks.is_failure("DELETE whitelist without tables", answer, "failed to remove torrent from whitelist")
    answer = checks.ask("DELETE", f"/api/v1/key/{spare}")
    checks.is_failure("DELETE key without tables", answer, "failed to delete key")
    checks.expect("announce without a database", traffic.udp.announce(traffic.leecher, f"/announce/{traffic.key}")[0], ANNOUNCE)


def main() -> None:
    checks = Checks()
    alive(checks)
    authentication(checks)
    whitelist(checks)
    keys(checks)
    traffic = Traffic(checks)
    traffic.run()
    torrents(checks, traffic)
    torrent(checks, traffic)
    failure_reasons(checks, traffic)
    stats(checks, traffic)
    metrics(checks)
    # From here on there are datagrams that `traffic` does not count.
    health_checks(checks)
    spare = traffic.new_key(None)
    full_of_keys(checks)
    broken_database(checks, traffic, spare)
    checks.end()


if __name__ == "__main__":
    main()
