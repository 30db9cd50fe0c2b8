"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.consoles import scripted, several
from tests.tui.fakes import FakeThread


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeThread]:
    with scripted(tmp_path) as thread:
        yield thread


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, FakeThread]]:
    """Two that are open to all, and one that wants admin's password ``secret``."""
    with several(tmp_path, {"one": "", "two": "", "shut": "secret"}) as threads:
        yield threads
