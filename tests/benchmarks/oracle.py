"""The original Supervisor in an environment of its own; must never know what is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VERSION = "4.3.0"
FOLDER = Path(__file__).resolve().parents[2] / ".venv" / "oracle"
TIMEOUT_S = 120.0


def _version(folder: Path) -> str:
    command = folder / "bin" / "supervisord"
    if not command.exists():
        return ""
    done = subprocess.run(
        [command, "--version"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


def install(folder: Path = FOLDER) -> str:
    """See that the original is there; empty when it is, else why not."""
    try:
        if _version(folder) == VERSION:
            return ""
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        _run([*pip, f"supervisor=={VERSION}", "setuptools"])
        found = _version(folder)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or "").strip().splitlines()
        return said[-1] if said else str(error)
    return "" if found == VERSION else f"{folder}/bin/supervisord says it is version {found!r}"


def _run(argv: list[str]) -> None:
    subprocess.run(
        argv, check=True, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
    )
