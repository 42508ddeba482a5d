"""Shares one torrent with libtorrent until SIGINT, with no way to find peers but the tracker.

Usage: libtorrent_client.py TORRENT FOLDER PORT [SECONDS]

The file is expected in FOLDER. A complete one is seeded, otherwise it is downloaded and then seeded. With SECONDS, it
announces that often, whatever the tracker asks for.
"""

import signal
import sys
import time

import libtorrent as lt

POLL_MS = 100


def open_session(port: str) -> lt.session:
    settings = {
        "listen_interfaces": f"0.0.0.0:{port},[::]:{port}",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_natpmp": False,
        "enable_upnp": False,
        "webtorrent_stun_server": "",
        # The others have no uTP, and libtorrent tries it first and is slow to try TCP.
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        "alert_mask": lt.alert.category_t.error_notification
        | lt.alert.category_t.status_notification
        | lt.alert.category_t.tracker_notification
        | lt.alert.category_t.connect_notification,
    }
    # No flags: the default ones would add peer exchange.
    return lt.session(settings, flags=0)


def add_torrent(session: lt.session, torrent: str, folder: str, flags: int = 0) -> lt.torrent_handle:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = folder
    # Not managed, so that a pause lasts.
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    params.flags |= flags
    return session.add_torrent(params)


def log_alerts(session: lt.session) -> None:
    session.wait_for_alert(POLL_MS)
    for alert in session.pop_alerts():
        print(alert.what(), alert.message(), flush=True)


def main(torrent: str, folder: str, port: str, seconds: str = "inf") -> None:
    stop_asked = False

    def ask_to_stop(_signal: int, _frame: object) -> None:
        nonlocal stop_asked
        stop_asked = True

    signal.signal(signal.SIGINT, ask_to_stop)
    session = open_session(port)
    handle = add_torrent(session, torrent, folder)
    last = time.monotonic()
    while not stop_asked:
        log_alerts(session)
        if time.monotonic() - last > float(seconds):
            handle.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval)
            last = time.monotonic()
    # A paused torrent announces `stopped`. Closing the session as well would often lose that announce, so this runs
    # until it is killed.
    handle.pause()
    while True:
        log_alerts(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
