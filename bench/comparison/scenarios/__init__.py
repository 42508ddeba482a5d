"""The scenarios by name, and the default servers of each."""

from collections.abc import Callable

from comparison.bench import Bench
from comparison.http_servers import HTTP_NAMES, TLS_NAMES
from comparison.report import Report
from comparison.scenarios import (
    control,
    curve,
    expiry,
    flood,
    forwarding,
    http,
    http_beside_udp,
    http_idle,
    huge,
    latency,
    loaded,
    loads,
    memory,
    private,
    restart,
    side_by_side,
    workers,
    ws,
    ws_idle,
)
from comparison.ws_servers import WS_NAMES
from comparison.servers import NAMES

MEASURE: dict[str, Callable[[Bench], Report]] = {
    "announces": side_by_side.announces,
    "mix": side_by_side.mix,
    "loaded": loaded.measure,
    "memory": memory.measure,
    "workers": workers.measure,
    "expiry": expiry.measure,
    "latency": latency.measure,
    "curve": curve.measure,
    "loads": loads.over_udp,
    "huge": huge.measure,
    "restart": restart.measure,
    "control": control.measure,
    "private": private.measure,
    "forwarding": forwarding.measure,
    "flood": flood.measure,
    "http": http.kept,
    "http-new": http.new,
    "https": http.with_tls,
    "http-beside-udp": http_beside_udp.measure,
    "http-idle": http_idle.measure,
    "http-loads": loads.over_http,
    "ws": ws.measure,
    "ws-idle": ws_idle.measure,
}
USUAL_SERVERS: dict[str, list[str]] = {
    **{name: ["ringtrack"] for name in MEASURE},
    "announces": NAMES,
    "mix": NAMES,
    "latency": latency.USUAL,
    "curve": NAMES,
    "loads": loads.USUAL,
    "http": HTTP_NAMES,
    "http-new": HTTP_NAMES,
    "https": TLS_NAMES,
    "http-idle": http_idle.USUAL,
    "http-loads": loads.HTTP_USUAL,
    "ws": WS_NAMES,
    "ws-idle": WS_NAMES,
}
