"""The version that the daemon tells; must never know anything else."""

from __future__ import annotations

from importlib import metadata

try:
    VERSION = metadata.version("supervisor")
except metadata.PackageNotFoundError:  # run from a checkout that is not installed
    VERSION = "unknown"
