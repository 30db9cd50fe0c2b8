"""Packages that others wrote for Supervisor, in a folder of their own; must never know what is tried with them.

Installed once with pip, without what they depend on but for a few packages that they
import, and above all without the original supervisor: ours stands in front of them on
PYTHONPATH.
"""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(sys.prefix) / "third-party"
PACKAGES = (
    "supervisor-twiddler==1.0.0",
    "supervisor-cache==1.1.0",
    "supervisor-wildcards==0.1.3",
    "supervisord-dependent-startup==1.4.0",
    "superhooks==0.6",
    "supervisor-stdlog==0.7.9",
    "superlance==2.0.0",
    "nagios-check-supervisord==2.2.1",
    "multivisor==7.1.0",
    "supervisor-serialrestart==0.1.1",
    "supervisor-logging==0.0.9",
    "supervisor-alert==0.6.2",
    "supervisor-checks==0.8.1",
    "supervisor-eventflapping-2==2.0",
    "ansible-core==2.17.7",
    # what they import: dependent-startup; superhooks; multivisor
    "toposort",
    *("requests", "urllib3", "idna", "certifi", "charset-normalizer"),
    *("gevent", "greenlet", "zope.event", "zope.interface", "pyzmq"),
)
COLLECTIONS = "ansible==10.7.0"
"""50 MB, of which one file is wanted: the wheel is fetched, and that file taken out."""
ANSIBLE_MODULE = "ansible_collections/community/general/plugins/modules/supervisorctl.py"
INSTALL_S = 300


@functools.cache
def missing() -> str:
    """See that the packages are there; empty when they are, else why not. One test run at a time sets them up."""
    FOLDER.mkdir(exist_ok=True)
    with open(FOLDER.parent / "third-party.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = FOLDER / "installed"
        wanted = "\n".join((*PACKAGES, COLLECTIONS))
        if stamp.exists() and stamp.read_text() == wanted:
            return ""
        try:
            _pip("install", "--upgrade", "--target", str(FOLDER), *PACKAGES)
            with tempfile.TemporaryDirectory() as fetched:
                _pip("download", "--dest", fetched, COLLECTIONS)
                (wheel,) = Path(fetched).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    archive.extract(ANSIBLE_MODULE, FOLDER)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return f"pip could not install them: {getattr(error, 'stderr', '') or error}"[-300:]
        stamp.write_text(wanted)
        return ""


def _pip(verb: str, *words: str) -> None:
    command = [sys.executable, "-m", "pip", verb, "--quiet", "--no-input", "--no-deps", *words]
    subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=True)


def environment() -> dict[str, str]:
    """For a supervisord, its programs and its clients: ours before the packages."""
    return {"PYTHONPATH": os.pathsep.join((str(ROOT), str(FOLDER))), "PYTHONWARNINGS": "ignore"}


def script(name: str, *words: str) -> str:
    """The command that runs an installed script of a package."""
    return " ".join([sys.executable, str(FOLDER / "bin" / name), *words])
