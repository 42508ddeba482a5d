"""The tables of README.md, from the reports of one sitting."""

from collections.abc import Callable

from comparison.report import Report, count, decimal, table_row
from comparison.scenarios.latency import OWN
from comparison.summary import Spread, highest, lowest

SCENARIOS = ["announces", "latency", "http", "https"]
UDP_COLUMNS = ["server", "responses/s, best", "median", "CPU us/response, best", "median",
               "p99 us at half of its saturation, best", "median", "peers/reply", "bytes/reply", "resident MiB"]
HTTP_COLUMNS = ["server", "HTTP responses/s, best", "median", "HTTPS responses/s, best", "median"]


def tables(reports: list[Report]) -> str:
    """Returns the tables that the reports suffice for; empty if there are none."""
    runs = {report.scenario: report.runs for report in reports if report.scenario in SCENARIOS}
    parts = [table(UDP_COLUMNS, udp_row, runs, "announces"), table(HTTP_COLUMNS, http_row, runs, "http")]
    return "\n".join(["## For README.md", *parts]) if any(parts) else ""


def table(columns: list[str], row: Callable[[str, dict], list[str]], runs: dict[str, list[dict]], leading: str) -> str:
    """Returns a table with a line for each server of the leading scenario."""
    if leading not in runs:
        return ""
    servers = dict.fromkeys(run["server"] for run in runs[leading])
    lines = [table_row(columns), "|" + "---|" * len(columns), *[table_row(row(name, runs)) for name in servers]]
    return "\n".join(["", *lines, ""])


def udp_row(server: str, runs: dict[str, list[dict]]) -> list[str]:
    """Returns a server's figures at full speed, and its latency at half of its saturation."""
    mine = of(server, runs["announces"])
    half_busy = [run for run in of(server, runs.get("latency", [])) if run["load"] == OWN]
    rate, cost = highest(run["responses_per_s"] for run in mine), lowest(run["cpu_us_per_response"] for run in mine)
    median = {field: lowest(run[field] for run in mine).median
              for field in ("peers_per_reply", "bytes_per_reply", "resident_mib")}
    return [server, *cells(rate, count), *cells(cost, decimal), *cells(spread(half_busy, "p99_us"), count),
            f"{median['peers_per_reply']:.1f}", count(median["bytes_per_reply"]), count(median["resident_mib"])]


def http_row(server: str, runs: dict[str, list[dict]]) -> list[str]:
    """Returns a server's figures over kept connections, without TLS and with it."""
    return [server, *[cell for scenario in ("http", "https")
                      for cell in cells(spread(of(server, runs.get(scenario, [])), "responses_per_s", highest), count)]]


def of(server: str, runs: list[dict]) -> list[dict]:
    """Returns the runs of one server."""
    return [run for run in runs if run["server"] == server]


def spread(runs: list[dict], field: str, which: Callable = lowest) -> Spread | None:
    """Returns the spread of a figure; None if it was not measured."""
    return which(run[field] for run in runs) if runs else None


def cells(figure: Spread | None, shown: Callable[[float], str]) -> list[str]:
    """Returns best and median."""
    return [shown(figure.best), shown(figure.median)] if figure else ["-", "-"]
