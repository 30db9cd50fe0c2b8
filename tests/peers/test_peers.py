"""The original Supervisor and ours, side by side: every scenario, and the declared differences."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import original
from .board import Board
from .scenarios import SCENARIOS
from .steps import play

AT_ONCE = 5
"""Scenarios that run at the same time: they mostly wait."""

DIFFERENCES = Path(__file__).resolve().parents[2] / "docs" / "differences.rst"
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """All the scenarios that this run wants are being played."""
    if why := original.missing():
        pytest.skip(f"cannot install the original Supervisor: {why}")
    wanted = [
        NAMES.index(str(item.callspec.params["name"]))
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_scenario
    ]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    base = tmp_path_factory.getbasetemp()
    board = Board((base.parent if workers else base) / "peers", lambda index: play(SCENARIOS[index]))
    board.ahead(wanted, max(1, AT_ONCE // (workers or 1)))
    yield board
    board.close()


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str, board: Board) -> None:
    problems = board.result(NAMES.index(name))
    assert not problems, "\n".join(problems)


def sections() -> dict[str, str]:
    """Headings of the page of differences with the text below them, blanks as one space."""
    parts = re.split(r"^(.+)\n=+\n", DIFFERENCES.read_text(), flags=re.MULTILINE)
    return {
        heading.strip("` "): " ".join(text.split())
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_declared_differences_are_explained() -> None:
    explained = sections()
    missing = [
        f"{scenario.name}, {step.label}: {step.differs.heading}: {step.differs.phrase}"
        for scenario in SCENARIOS
        for step in scenario.steps
        if step.differs is not None and step.differs.phrase not in explained.get(step.differs.heading, "")
    ]
    assert not missing, "not in docs/differences.rst:\n" + "\n".join(missing)


def test_there_are_enough_scenarios_and_names_are_unique() -> None:
    assert len(NAMES) >= 60
    assert len(set(NAMES)) == len(NAMES)
