"""The original Supervisor and ours, side by side: every scenario, and the declared differences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from . import original
from .scenarios import SCENARIOS
from .steps import Scenario, play

AT_ONCE = 4
"""Scenarios that run at the same time: they mostly wait."""

DIFFERENCES = Path(__file__).resolve().parents[2] / "docs" / "differences.rst"
Results = dict[str, "Future[list[str]]"]


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[Results]:
    """All the scenarios that this run wants, running already."""
    if why := original.missing():
        pytest.skip(f"cannot install the original Supervisor: {why}")
    wanted = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_scenario
    ]
    pool = ThreadPoolExecutor(AT_ONCE)
    by_name: dict[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}
    yield {name: pool.submit(play, by_name[name]) for name in wanted}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_scenario(name: str, results: Results) -> None:
    problems = results[name].result()
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
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) >= 60
    assert len(set(names)) == len(names)
