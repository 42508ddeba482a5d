"""Checks a public tracker behind a proxy against version 1 of the management API, where its answers depend on that.

Usage: modes_off.py PLACES, a JSON object: `api`, `health`, `udp`, `http` (addresses and ports) and `token`.
The proxy is at 127.0.0.1 and names the client in `X-Forwarded-For`.

Prints one line per difference, and fails if there is any.
"""

from checks import Checks
from wire import ANNOUNCE, Http, Peer, Udp, announce_target, failure_reason

HASH = "9c38422213e30bff212b30c360d26f9a02136422"
PRIVATE_OFF = {"status": "err", "reason": "private-tracker capability is disabled by configuration"}
LISTED_OFF = {"status": "err", "reason": "listed-tracker capability is disabled by configuration"}
NO_HEADER = "missing or invalid the right most X-Forwarded-For IP (mandatory on reverse proxy tracker configuration)"


def modes(checks: Checks) -> None:
    key = "IrweYtVuQPGbG9Jzx1DihcPmJGGpVy82"
    for method, path in [("POST", "key/60"), ("DELETE", f"key/{key}"), ("GET", "keys/reload")]:
        checks.is_json(f"{method} {path}", checks.ask(method, f"/api/v1/{path}"), PRIVATE_OFF, 409)
    form = {"key": None, "seconds_valid": None}
    checks.is_json("POST keys", checks.ask_json("POST", "/api/v1/keys", form), PRIVATE_OFF, 409)
    for method, path in [("POST", HASH), ("DELETE", HASH), ("GET", "reload")]:
        checks.is_json(f"{method} whitelist", checks.ask(method, f"/api/v1/whitelist/{path}"), LISTED_OFF, 409)


def announces(checks: Checks) -> None:
    peer = Peer(bytes.fromhex(HASH), 2001)
    checks.expect("announce over UDP", Udp(checks.places["udp"]).announce(peer)[0], ANNOUNCE)
    http = Http(checks.places["http"])
    for headers in ({}, {"x-forwarded-for": "nonsense"}, {"x-forwarded-for": "192.0.2.1, nonsense"}):
        reason = failure_reason(http.ask("GET", announce_target(peer), headers=headers).body)
        checks.is_so(f"{headers}: {reason!r}", reason and NO_HEADER in reason)
    answer = http.ask("GET", announce_target(peer), headers={"x-forwarded-for": "nonsense, 192.0.2.1"})
    checks.expect("an announce of a client behind the proxy", failure_reason(answer.body), None)
    found = checks.ask("GET", f"/api/v1/torrent/{HASH}").json()
    addresses = sorted(peer["peer_addr"] for peer in found["peers"])
    checks.expect("peers", addresses, ["127.0.0.1:2001", "192.0.2.1:2001"])
    for peer in found["peers"]:
        # Details of peers are not kept unless configured.
        wanted = {"peer_id": {"id": "0x" + "0" * 40, "client": None}, "uploaded": 0, "downloaded": 0, "event": "None"}
        checks.expect("a peer without details", {name: peer[name] for name in wanted}, wanted)


def health_checks(checks: Checks) -> None:
    """The tracker's own check of its HTTP listener comes from the proxy's address, too."""
    found = Http(checks.places["health"]).ask("GET", "/health_check").json()
    checks.expect(f"health checks: {found}", found["status"], "Ok")


def main() -> None:
    checks = Checks()
    modes(checks)
    announces(checks)
    health_checks(checks)
    checks.end()


if __name__ == "__main__":
    main()
