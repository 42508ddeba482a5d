"""What operators, browsers, attackers and machines do to the tracker. An action that fails raises an error."""

import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from comparison import ringtrack
from comparison.certificates import identity
from comparison.load import BLAST, answer
from comparison.paths import ROOT
from comparison.processes import bound_to_us
from comparison.protocols import HERE
from comparison.snapshots import manifest
from comparison.udp_client import NoAnswer
from soaking import configuration
from soaking.configuration import LIVE, REQUESTS_PER_S, TOKEN
from soaking.scene import Scene, wait_for
from soaking.swarms import UdpSession

# Changes of one reload.
CHANGED_KEYS = 3
RELOAD_S_MAX = CERTIFICATE_S_MAX = DATABASE_S_MAX = BAN_S_MAX = 30
SNAPSHOT_S_MAX = BROWSER_S_MAX = 60
OUTAGE_S = 2, 5
BANNED_NETWORK, BANNED_SOURCE, ABUSER = "127.66.0.0/16", "127.66.0.1", "127.77.0.1"
# Longer than `sources.ban_after_s`.
ABUSE_S = 6
DISCONNECTS = 60
LISTED = 1_000
# What tests/install installs.
CLIENTS = ROOT / "target" / "test-clients"
SCANS = ["torrents?limit=4000", "torrents/sorted?order=peers&limit=100", "torrents/search?prefix=0", "torrents?offset=1000&limit=100",
         "sources", "cores", "totals", "latency", "latency.hlog", "metrics", "stats", "config", "keys?limit=100", "bans", "storage",
         "health", "token", "openapi.json"]


class Effect(IntEnum):
    """How an action may affect the good clients."""

    NONE = 0
    # Slower responses, and at most one retransmission; connections end politely.
    HANDOVER = 1
    # No service for some seconds.
    OUTAGE = 2


@dataclass(frozen=True)
class Action:
    """An action by name."""

    name: str
    do: Callable[[Scene], None]
    effect: Effect = Effect.NONE
    # Why it cannot be done here; None if it can.
    missing: Callable[[], str | None] = lambda: None


def reload(scene: Scene) -> None:
    """Changes keys and changes them back, once by SIGHUP and once by the API."""
    changed = scene.rng.sample(sorted(LIVE), CHANGED_KEYS)
    ways = scene.rng.sample([by_signal, by_api], 2)
    values = {**scene.settings, **{name: LIVE[name] for name in changed}}
    for way, wanted in zip(ways, [values, scene.settings], strict=True):
        configuration.write(scene.configuration, wanted)
        if (found := way(scene)) != set(changed):
            raise RuntimeError(f"a reload by {way.__name__} has changed {sorted(found)} instead of {sorted(changed)}")


def by_signal(scene: Scene) -> set[str]:
    """Reloads by SIGHUP, and returns the keys of the line in the log."""
    def lines() -> list[dict]:
        return scene.logged("reloaded the configuration")
    before = len(lines())
    os.kill(scene.tracker.alive(), signal.SIGHUP)
    wait_for("a reload", RELOAD_S_MAX, lambda: len(lines()) > before)
    return set(lines()[-1]["changed"].split())


def by_api(scene: Scene) -> set[str]:
    """Reloads by the API, and returns the keys in the response."""
    return set(scene.ask_json("POST", "reload")["changed"])


def lists(scene: Scene) -> None:
    """Denies torrents, searches them and allows them again."""
    torrents = sorted(scene.rng.randbytes(20).hex() for _ in range(LISTED))
    body = "".join(f"{torrent}\n" for torrent in torrents)
    require_count(scene.ask_json("POST", "denylist", body), "added", LISTED)
    found = scene.ask_json("GET", f"denylist/search?prefix={torrents[0][:8]}")
    if torrents[0] not in found["torrents"]:
        raise RuntimeError(f"the denylist does not find its {torrents[0]}: {found}")
    require_count(scene.ask_json("DELETE", "denylist", body), "removed", LISTED)


def require_count(found: dict, name: str, count: int) -> None:
    """Checks a number in a response."""
    if found[name] != count:
        raise RuntimeError(f"{found[name]} of {count} are {name}: {found}")


def keys(scene: Scene) -> None:
    """Makes keys, looks at one and removes them all."""
    made = [f"{scene.rng.getrandbits(128):032x}" for _ in range(200)]
    forms = "".join(json.dumps({"key": key, "seconds_valid": 3600}) + "\n" for key in made)
    lines = [json.loads(line) for line in scene.ask("POST", "keys/bulk", forms).splitlines()]
    if [line.get("key") for line in lines] != made:
        raise RuntimeError(f"the tracker has not made all keys: {lines[:1]}")
    scene.ask("POST", f"key/{made[0]}/reset")
    require_count(scene.ask_json("DELETE", "keys", "".join(f"{key}\n" for key in made)), "removed", len(made))


def scans(scene: Scene) -> None:
    """Requests everything that the API shows, and one torrent with all of its peers."""
    for path in SCANS:
        scene.ask("GET", path)
    page = scene.ask_json("GET", "torrents/sorted?order=peers&limit=1")
    scene.ask("GET", f"torrent/{page['torrents'][0]['info_hash']}")


def ban(scene: Scene) -> None:
    """Bans a network, which gets no response until the ban is lifted."""
    scene.ask("POST", "bans", {"network": BANNED_NETWORK, "reason": "soak"})
    if is_answered(scene):
        raise RuntimeError("a banned source is answered")
    scene.ask("DELETE", f"bans?network={BANNED_NETWORK}")
    wait_for("a response to a source whose ban is lifted", BAN_S_MAX, lambda: is_answered(scene))


def is_answered(scene: Scene) -> bool:
    """Returns whether a source of the network gets a response."""
    with UdpSession(scene.ports.tracker, BANNED_SOURCE, scene.keys[0]) as client:
        try:
            client.announce(scene.rng.randbytes(20), 6_881)
        except NoAnswer:
            return False
        return True


def abuse(scene: Scene) -> None:
    """Sends too much from one source, which is banned by itself, and lifts the ban."""
    command = [BLAST, "--target", f"{HERE}:{scene.ports.tracker}", "--attack", "flood", "--rate", str(REQUESTS_PER_S * 8), "--mix", "0/1/0",
               "--first-source", ABUSER, "--sources", "1", "--torrents", "1000", "--peers", "50000", "--url-data",
               f"/announce/{scene.keys[0]}", "--warmup", "0", "--seconds", str(ABUSE_S), "--wait", "sleep", "--cores", str(scene.core),
               "--quiet", "--json", "-"]
    answer(command, ABUSE_S + BAN_S_MAX)
    banned = {entry["network"] for entry in scene.ask_json("GET", "bans")}
    of_abuser = [network for network in banned if network and network.split("/")[0] == ABUSER]
    if not of_abuser:
        raise RuntimeError(f"a source that sends too much is not banned: {banned}")
    scene.ask("DELETE", f"bans?network={of_abuser[0]}")


def database_outage(scene: Scene) -> None:
    """Takes the database away while something is to be stored, and waits until it is written."""
    def written() -> bool:
        storage = scene.ask_json("GET", "storage")
        return storage["state"] == "connected" and storage["writes_waiting"] == 0 and storage["writes_lost"] == 0
    scene.ask("POST", "key/3600")
    scene.database.outage(scene.rng.uniform(*OUTAGE_S))
    wait_for("the end of the waiting changes", DATABASE_S_MAX * 2, written)


def certificate(scene: Scene) -> None:
    """Replaces the certificate, and waits until connections use it: at once by SIGHUP, or when the tracker looks."""
    scene.identities += 1
    link, made = scene.folder / "tls", identity_in(scene.folder, scene.identities)
    shown = ssl.PEM_cert_to_DER_cert((made / "certificate.pem").read_text())
    point(link, made)
    if scene.rng.random() < 0.5:
        os.kill(scene.tracker.alive(), signal.SIGHUP)
    wait_for("a connection with the new certificate", CERTIFICATE_S_MAX, lambda: shown == certificate_shown(scene))


def identity_in(folder: Path, number: int) -> Path:
    """Makes a certificate and its key, and returns their folder."""
    made = folder / f"tls-{number}"
    made.mkdir()
    identity(made)
    return made


def point(link: Path, target: Path) -> None:
    """Replaces a link at once, so that certificate and key always fit together."""
    replacement = link.with_suffix(".new")
    replacement.symlink_to(target)
    replacement.replace(link)


def certificate_shown(scene: Scene) -> bytes:
    """Returns the certificate that a new connection gets."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((HERE, scene.ports.https), timeout=CERTIFICATE_S_MAX))


def disconnects(scene: Scene) -> None:
    """Connects, sends a part of something, and resets the connection."""
    key = scene.keys[0]
    upgrade = (f"GET /announce/{key} HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n").encode()
    # Nothing, half a request, half a TLS record, and a WebSocket with half a frame.
    beginnings = [(scene.ports.tracker, [b""]), (scene.ports.tracker, [f"GET /announce/{key}?info_hash=".encode()]),
                  (scene.ports.https, [b"\x16\x03\x01\x02\x00\x01"]), (scene.ports.tracker, [upgrade, b"\x81\xfe\x01"])]
    for number in range(DISCONNECTS):
        port, parts = beginnings[number % len(beginnings)]
        with socket.create_connection((HERE, port), timeout=RELOAD_S_MAX, source_address=(f"127.9.0.{1 + number}", 0)) as connection:
            for index, part in enumerate(parts):
                connection.sendall(part)
                if index + 1 < len(parts):
                    connection.recv(4096)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def snapshot(scene: Scene) -> None:
    """Has a snapshot written by SIGUSR2, and one by the API."""
    assert scene.snapshots
    for ask in (lambda: os.kill(scene.tracker.alive(), signal.SIGUSR2), lambda: scene.ask("POST", "snapshot")):
        before, lines = manifest(scene.snapshots), len(scene.logged("wrote a snapshot"))
        ask()
        # The manifest comes earlier: until the line, another snapshot is refused.
        wait_for("a snapshot", SNAPSHOT_S_MAX, lambda lines=lines: len(scene.logged("wrote a snapshot")) > lines)
        if manifest(scene.snapshots) in (None, before):
            raise RuntimeError("a snapshot has been written without another manifest")


def browser(scene: Scene) -> None:
    """Looks at the statistics page and the dashboard in Chromium."""
    script, state = Path(__file__).parent / "browser.mjs", scene.folder / "browser"
    origins = [f"http://{HERE}:{port}" for port in (scene.ports.tracker, scene.ports.api)]
    command = ["taskset", "-c", str(scene.core), *bound_to_us([node() or "node", str(script), str(state), *origins, TOKEN])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BROWSER_S_MAX, check=False)
    shutil.rmtree(state, ignore_errors=True)
    if done.returncode != 0:
        raise RuntimeError(f"the browser: {done.stderr.strip()[-500:]}")


def node() -> str | None:
    """Returns the Node.js of tests/install, or the system's."""
    installed = CLIENTS / "venv" / "bin" / "node"
    return str(installed) if installed.exists() else shutil.which("node")


def handover(scene: Scene) -> None:
    """Hands over to a new process, which knows all swarms and accounts."""
    scene.swarms.upload()
    scene.tracker.upgrade()
    scene.swarms.check()
    scene.swarms.upload()
    scene.swarms.check()


def restart(scene: Scene) -> None:
    """Stops the tracker and starts it again. Without snapshots it forgets its swarms."""
    scene.swarms.upload()
    scene.tracker.stop()
    scene.tracker.start()
    if scene.snapshots:
        scene.swarms.check()
    scene.swarms.upload(is_accounted=scene.snapshots is not None)
    scene.swarms.check()


def without_browser() -> str | None:
    """Returns why there is no browser."""
    # The script that drives Chromium imports a package.
    is_there = node() and shutil.which("chromium-headless-shell") and (CLIENTS / "node" / "node_modules" / "axe-core").exists()
    return None if is_there else "tests/install installs Chromium, Node.js and axe-core"


def without_snapshots() -> str | None:
    """Returns why there are no snapshots."""
    return None if ringtrack.known({"RINGTRACK_SNAPSHOT_DIRECTORY": ""}) else "this build has no [snapshot]"


def without_upgrade() -> str | None:
    """Returns why there are no handovers."""
    return None if ringtrack.has_command("upgrade") else "this build has no `ringtrack upgrade`"


CALM = [
    Action("reload", reload),
    Action("lists", lists),
    Action("keys", keys),
    Action("scans", scans),
    Action("ban", ban),
    Action("abuse", abuse),
    Action("database outage", database_outage),
    Action("certificate", certificate),
    Action("disconnects", disconnects),
    Action("snapshot", snapshot, missing=without_snapshots),
    Action("browser", browser, missing=without_browser),
]
HANDOVER = Action("handover", handover, Effect.HANDOVER, without_upgrade)
RESTART = Action("restart", restart, Effect.OUTAGE)
ALL = [*CALM, HANDOVER, RESTART]
