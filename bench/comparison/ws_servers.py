"""The servers over WebSocket: how each is started with its best settings for one core."""

from collections.abc import Callable

from comparison import ringtrack
from comparison.builds import bittorrent_tracker
from comparison.certificates import identity
from comparison.http_servers import KEPT_S, aquatic, ringtrack_over_http
from comparison.setup import Setup

WS_NAMES = ["ringtrack", ringtrack.BEFORE, "aquatic_ws", "bittorrent-tracker"]
NOTES = {
    "aquatic_ws": "aquatic_ws has at least two threads, one for sockets and one for swarms, which share the core. It responds to "
                  "each answer as to an announce: these responses, which no client needs, are not counted.",
    "bittorrent-tracker": "bittorrent-tracker runs in one thread of Node.js, with the native module for masks that it installs.",
}


def aquatic_ws(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command, with peers that stay for as long as their connections."""
    return aquatic(setup, "aquatic_ws", cleaning=f"max_peer_age = {KEPT_S}")


def bittorrent(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command of a server with WebSocket only."""
    file, mine = setup.folder / "bittorrent-tracker.mjs", identity(setup.folder)
    server = "http.createServer()"
    if setup.protocol.has_tls():
        server = f"https.createServer({{ cert: readFileSync('{mine.certificate}'), key: readFileSync('{mine.key}') }})"
    file.write_text(f"""
import {{ readFileSync }} from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import Server from '{bittorrent_tracker()}/server.js'
const tracker = new Server({{ udp: false, http: false, ws: {{ noServer: true }}, stats: false }})
tracker.on('error', () => {{}})
tracker.on('warning', () => {{}})
const server = {server}
server.on('upgrade', (request, socket, head) => tracker.ws.handleUpgrade(request, socket, head,
  client => tracker.ws.emit('connection', client, request)))
server.listen({{ host: '127.0.0.1', port: {setup.port}, backlog: 4096 }})
""")
    return ["node", str(file)], {}


COMMANDS: dict[str, Callable[[Setup], tuple[list[str], dict[str, str]]]] = {
    "ringtrack": ringtrack_over_http,
    ringtrack.BEFORE: ringtrack.of_before(ringtrack_over_http),
    "aquatic_ws": aquatic_ws,
    "bittorrent-tracker": bittorrent,
}
