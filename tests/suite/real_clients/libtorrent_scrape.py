"""Scrapes a torrent's tracker with libtorrent and prints the answer.

Usage: libtorrent_scrape.py TORRENT FOLDER PORT
"""

import sys

import libtorrent as lt

from libtorrent_client import POLL_MS, add_torrent, open_session


def main(torrent: str, folder: str, port: str) -> None:
    session = open_session(port)
    handle = add_torrent(session, torrent, folder, lt.torrent_flags.paused)
    handle.scrape_tracker()
    answered = False
    # It asks from each of its addresses, some of which do not reach the tracker.
    while not answered:
        session.wait_for_alert(POLL_MS)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.scrape_reply_alert):
                print(f"{alert.complete} seeders, {alert.incomplete} leechers", flush=True)
                answered = True
            elif isinstance(alert, lt.scrape_failed_alert):
                print(alert.message(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
