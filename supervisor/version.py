"""The one place that says which version this is; must never know anything else."""

from __future__ import annotations

VERSION = "5.0.0.dev0"
