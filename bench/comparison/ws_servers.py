"""The servers over WebSocket: how each is started with its best settings for one core."""

from collections.abc import Callable

from comparison import ringtrack
from comparison.builds import AQUATIC_VERSION, bittorrent_tracker, program
from comparison.certificates import identity
from comparison.http_servers import KEPT_S, ringtrack_over_http
from comparison.setup import Setup

WS_NAMES = ["ringtrack", ringtrack.BEFORE, "aquatic_ws", "bittorrent-tracker"]
NOTES = {
    "aquatic_ws": "aquatic_ws has at least two threads, one for sockets and one for swarms, which share the core. It responds to "
                  "each answer as to an announce: these responses, which no client needs, are not counted.",
    "bittorrent-tracker": "bittorrent-tracker runs in one thread of Node.js, with the native module for masks that it installs.",
}


def aquatic_ws(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command, with defaults but for the limits of time."""
    file, mine = setup.folder / "aquatic-ws.toml", identity(setup.folder)
    file.write_text(f"""
socket_workers = 1
swarm_workers = 1
[network]
address = "{setup.address()}"
tcp_backlog = 4096
enable_tls = {str(setup.protocol.has_tls()).lower()}
tls_certificate_path = "{mine.certificate}"
tls_private_key_path = "{mine.key}"
[cleaning]
max_peer_age = {KEPT_S}
max_connection_idle = {KEPT_S}
[metrics]
run_prometheus_endpoint = false
""")
    return [str(program("aquatic_ws", AQUATIC_VERSION)), "-c", str(file)], {}


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
