"""Commands that only print: what cannot be written is one line, and a reader that goes away is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

PRINTS = [
    ("supervisor.supervisord", "--sample-config"),
    ("supervisor.supervisord", "--help"),
    ("supervisor.sampleconf",),
    ("supervisor.tui.main", "keys"),
    ("supervisor.tui.main", "theme"),
]


def command(module: str, *words: str) -> list[str]:
    return [
        sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())", *words
    ]  # fmt: skip


@pytest.mark.parametrize("printing", PRINTS, ids=" ".join)
def test_what_cannot_be_written_is_one_line(printing: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            command(*printing), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert "cannot write the output: No space left on device" in ran.stderr.splitlines()[0]
    assert "Traceback" not in ran.stderr and "a bug" not in ran.stderr and ran.returncode == 1


@pytest.mark.parametrize("printing", PRINTS, ids=" ".join)
def test_a_reader_that_goes_away_is_no_mistake(printing: tuple[str, ...]) -> None:
    with subprocess.Popen(command(*printing), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1
