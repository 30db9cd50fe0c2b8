"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.supervisor import Supervisor

# Hundreds of supervisors are started: each would compile all of our modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell lets its background jobs ignore these, and what we start would inherit that.
for ignored in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL if ignored == signal.SIGQUIT else signal.default_int_handler)

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

_REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash.setdefault(_REPORTS, {})[report.when] = report
    return report


Supervise = Callable[..., Supervisor]


@pytest.fixture
def supervise(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Supervise]:
    """Makes Supervisors (the arguments of the class but ``folder``; ``start=False``: only made).

    Each has to be gone without a trace when the test is over; what it logged is
    printed when the test fails.
    """
    made: list[Supervisor] = []

    def make(
        programs: str = "", *, start: bool = True, folder: Path = tmp_path, **options: Any
    ) -> Supervisor:
        supervisor = Supervisor(folder, programs, **options)
        made.append(supervisor)
        return supervisor.start() if start else supervisor

    yield make
    report = request.node.stash.get(_REPORTS, {}).get("call")
    failed = report is None or report.failed
    problems = []
    for supervisor in reversed(made):
        if failed:
            print(supervisor.report())
            supervisor.destroy()
            continue
        try:
            supervisor.finish()
        except Exception as error:  # noqa: BLE001 - the others have to be finished too
            problems.append(f"{error}\n{supervisor.report()}")
    assert not problems, "\n".join(problems)
