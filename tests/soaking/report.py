"""The report, for people and as JSON."""

import json
from dataclasses import asdict
from pathlib import Path

from soaking.actions import ALL
from soaking.verdict import Check, Evidence

# Faults of one check that are printed.
FAULTS_MAX = 10


def in_words(checks: list[Check], about: str) -> str:
    """Returns a line for each check, with its faults below."""
    lines = [about, *[f"LEFT OUT: {name}: {reason}" for name, reason in left_out().items()]]
    for check in checks:
        lines.append(f"{'FAILED' if check.faults else 'ok':6}  {check.name}: {check.found}")
        lines += [f"        {fault}" for fault in check.faults[:FAULTS_MAX]]
        if (more := len(check.faults) - FAULTS_MAX) > 0:
            lines.append(f"        and {more} more")
    return "\n".join(lines)


def left_out() -> dict[str, str]:
    """Returns the actions that cannot be done here, and why."""
    return {action.name: reason for action in ALL if (reason := action.missing())}


def write(file: Path, checks: list[Check], evidence: Evidence, about: str) -> None:
    """Writes everything except the lines of the log."""
    whole = {**asdict(evidence), "log": len(evidence.log)}
    text = json.dumps({"about": about, "left_out": left_out(), "checks": [asdict(check) for check in checks], **whole}, indent=1)
    file.write_text(text + "\n")
