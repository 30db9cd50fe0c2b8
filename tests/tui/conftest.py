"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.consoles import scripted
from tests.tui.fakes import FakeThread


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeThread]:
    with scripted(tmp_path) as thread:
        yield thread
