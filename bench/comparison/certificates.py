"""A self-signed certificate for this machine, of the usual kind: ECDSA over P-256."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

# Creating one takes far less.
MAKE_S_MAX = 30


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, in PEM."""

    certificate: Path
    key: Path


def identity(folder: Path) -> Identity:
    """Returns the identity in a folder; creates it if there is none."""
    made = Identity(folder / "certificate.pem", folder / "key.pem")
    if not made.certificate.exists():
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-days", "30", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                   "-keyout", str(made.key), "-out", str(made.certificate)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAKE_S_MAX, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl could not create a certificate: {done.stderr.strip()}")
    return made
