"""The database of the tracker, and its outages."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Protocol

from comparison.paths import ROOT

KINDS = ["postgres", "mariadb", "sqlite"]
# Runs a private server, which it ends when its standard input ends.
SCRIPT = ROOT / "tests" / "src" / "database_server.sh"
PASSWORD = "hunter2"
NAME = "soak"
CLIENT_S_MAX = 30
# How long the lock of a file is waited for: the tracker holds it while it writes.
LOCK_S_MAX = 10


class Database(Protocol):
    """A database that can be away."""

    url: str

    def outage(self, seconds: float) -> None:
        """Takes the database away for some seconds."""

    def close(self) -> None:
        """Ends what was started for it."""


class Sqlite:
    """A file, whose outages are locks."""

    def __init__(self, file: Path) -> None:
        """Creates nothing: the tracker does."""
        self.file, self.url = file, f"sqlite:{file}"

    def outage(self, seconds: float) -> None:
        """Locks the file."""
        connection = sqlite3.connect(self.file, timeout=LOCK_S_MAX, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    def close(self) -> None:
        """Has nothing to end."""


class Server:
    """A private server of a product, which tests/install installs."""

    def __init__(self, kind: str, core: int) -> None:
        """Starts the server and creates the database."""
        self.kind, self.core = kind, core
        # Its user is another one, which cannot enter the folder of the soak.
        self.folder = Path(tempfile.mkdtemp(prefix="ringtrack-soak-database-"))
        self.script = self.start()
        subprocess.run(self.client(), env={**os.environ, "PGPASSWORD": PASSWORD}, check=True, capture_output=True, timeout=CLIENT_S_MAX)

    def start(self) -> subprocess.Popen:
        """Starts the script and waits for the server."""
        command = ["taskset", "-c", str(self.core), "bash", str(SCRIPT), self.kind, str(self.folder), PASSWORD]
        script = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert script.stdout
        if not script.stdout.readline().startswith("ready"):
            log = (self.folder / "log").read_text(errors="replace")
            raise RuntimeError(f"{self.kind} has not started: {log[-500:]}")
        return script

    def client(self) -> list[str]:
        """Returns the command that creates the database."""
        statement = f"CREATE DATABASE {NAME}"
        if self.kind == "postgres":
            return ["psql", "--quiet", "--username=ringtrack", "--host", str(self.folder), "--command", statement, "postgres"]
        return ["mariadb", "--no-defaults", "--user=root", "--execute", statement, "--socket", str(self.folder / "socket")]

    @property
    def url(self) -> str:
        """Returns the URL of the database."""
        if self.kind == "postgres":
            return f"postgres://ringtrack:{PASSWORD}@{str(self.folder).replace('/', '%2F')}/{NAME}"
        return f"mariadb://ringtrack:{PASSWORD}@localhost/{NAME}?socket={self.folder}/socket"

    def outage(self, seconds: float) -> None:
        """Ends the server as a crash would, and starts it again."""
        self.end("keep\n")
        time.sleep(seconds)
        self.script = self.start()

    def end(self, word: str) -> None:
        """Ends the server; its folder stays if the word says so."""
        self.script.communicate(word)

    def close(self) -> None:
        """Ends the server and removes its folder."""
        self.end("")
        shutil.rmtree(self.folder, ignore_errors=True)


def installed(kind: str) -> bool:
    """Returns whether a database of this kind can run here."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    if kind == "postgres":
        return bool(shutil.which("psql")) and any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return kind == "sqlite" or bool(shutil.which("mariadbd", path=path))


def open_database(kind: str, folder: Path, core: int) -> Database:
    """Makes an empty database."""
    return Sqlite(folder / "soak.db") if kind == "sqlite" else Server(kind, core)
