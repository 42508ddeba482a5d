"""The servers over HTTP and HTTPS: how each is started with its best settings for one core."""

import shutil
from collections.abc import Callable

from comparison import ringtrack
from comparison.builds import AQUATIC_VERSION, program
from comparison.certificates import identity
from comparison.opentracker import opentracker
from comparison.setup import Setup

HTTP_NAMES = ["nginx", "ringtrack", ringtrack.BEFORE, "aquatic_http", "opentracker"]
# Servers with TLS.
TLS_NAMES = ["nginx", "ringtrack", ringtrack.BEFORE, "aquatic_http"]
# Longer than any run.
KEPT_S = 3600
NOTES = {
    "nginx": "nginx is the floor: it reads no query and returns one text with `return 200`, in a single process. Its "
             "responses, head and body together, are as long as the mean of ringtrack's; its head has three more lines.",
    "aquatic_http": "aquatic_http has at least two threads, one for sockets and one for swarms, which share the core. The check "
                    "finds a line break after each of its bencoded responses, and checks no further.",
}


def nginx(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command of the floor, one process. With few free slots it would close idle connections."""
    file = setup.folder / "nginx.conf"
    temporary = "\n".join(f"    {kind}_temp_path {setup.folder}/{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file.write_text(f"""
daemon off;
master_process off;
pid {setup.folder}/nginx.pid;
error_log stderr error;
events {{
    use epoll;
    multi_accept on;
    worker_connections {(setup.connections or 0) * 5 // 4};
}}
http {{
{temporary}
    access_log off;
    server_tokens off;
    default_type text/plain;
    keepalive_requests 1000000000;
    keepalive_timeout {KEPT_S}s;
    server {{
        listen {setup.address()}{" ssl" if setup.protocol.has_tls() else ""} backlog=4096;
{nginx_tls(setup)}
        location / {{
            return 200 "{floor_body(setup.answer_bytes)}";
        }}
    }}
}}
""")
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(setup.folder), "-c", str(file), "-e", "stderr"], {}


def nginx_tls(setup: Setup) -> str:
    """Returns TLS settings like ringtrack's: the usual versions, and the client's preferred suite."""
    if not setup.protocol.has_tls():
        return ""
    mine = identity(setup.folder)
    return f"""
        ssl_certificate {mine.certificate};
        ssl_certificate_key {mine.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_prefer_server_ciphers off;
"""


# Head of an nginx response with a body length of three digits.
NGINX_HEAD_BYTES = len("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
                       "Content-Type: text/plain\r\nContent-Length: 100\r\nConnection: keep-alive\r\n\r\n")
# Bytes of a response with a few peers.
ANSWER_BYTES_USUAL = 220


def floor_body(answer_bytes: int) -> str:
    """Returns a bencoded body with which the response has this many bytes, if it can be that short."""
    wanted = (answer_bytes or ANSWER_BYTES_USUAL) - NGINX_HEAD_BYTES
    bodies = (f"d8:intervali1800e5:peers{peers}:{'x' * peers}e" for peers in range(max(1, wanted)))
    return next((body for body in bodies if len(body) >= wanted), "d8:intervali1800e5:peers0:e")


def ringtrack_over_http(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command, with defaults but for the limits on connections: a source may have all of them."""
    listen = f'["{setup.address()}"]'
    mine = identity(setup.folder)
    command, environment = ringtrack.command(setup)
    of_tls = {
        "RINGTRACK_HTTP_LISTEN": "[]",
        "RINGTRACK_HTTPS_LISTEN": listen,
        "RINGTRACK_HTTPS_CERTIFICATE_FILE": str(mine.certificate),
        "RINGTRACK_HTTPS_KEY_FILE": str(mine.key),
    }
    of_connections = {
        "RINGTRACK_HTTP_CONNECTIONS_MAX": str(setup.connections),
        "RINGTRACK_HTTP_CONNECTIONS_PER_PREFIX_MAX": str(setup.connections),
    }
    return command, {
        **(of_connections if setup.connections else {}),
        **environment,
        **(of_tls if setup.protocol.has_tls() else {"RINGTRACK_HTTP_LISTEN": listen}),
    }


def aquatic(setup: Setup, name: str, network: str = "", cleaning: str = "") -> tuple[list[str], dict[str, str]]:
    """Returns the command of one of aquatic's servers over TCP, with defaults but for these lines and the idle time."""
    file, mine = setup.folder / f"{name}.toml", identity(setup.folder)
    file.write_text(f"""
socket_workers = 1
swarm_workers = 1
[network]
address = "{setup.address()}"
{network}
enable_tls = {str(setup.protocol.has_tls()).lower()}
tls_certificate_path = "{mine.certificate}"
tls_private_key_path = "{mine.key}"
tcp_backlog = 4096
[cleaning]
max_connection_idle = {KEPT_S}
{cleaning}
[metrics]
run_prometheus_endpoint = false
""")
    return [str(program(name, AQUATIC_VERSION)), "-c", str(file)], {}


def aquatic_http(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command, with kept connections."""
    return aquatic(setup, "aquatic_http", network="keep_alive = true")


COMMANDS: dict[str, Callable[[Setup], tuple[list[str], dict[str, str]]]] = {
    "nginx": nginx,
    "ringtrack": ringtrack_over_http,
    ringtrack.BEFORE: ringtrack.of_before(ringtrack_over_http),
    "aquatic_http": aquatic_http,
    "opentracker": opentracker,
}
