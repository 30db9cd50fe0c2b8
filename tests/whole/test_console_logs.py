"""The console's logs against a real daemon: older text across rotated files, and a killed daemon."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Supervise
from tests.support.supervisor import shell
from tests.tui.ptyapp import PtyApp


def numbers(path: Path) -> list[int]:
    return [int(line[4:]) for line in path.read_text().splitlines() if line.startswith("row ")]


def test_older_text_comes_from_rotated_files(supervise: Supervise, tmp_path: Path) -> None:
    script = 'i=0; while [ $i -lt 40000 ]; do echo "row $i"; i=$((i+1)); done; exec sleep 1000'
    supervise(
        f"[program:rows]\ncommand={shell(script)}\nstdout_logfile={tmp_path}/rows.log\n"
        "stdout_logfile_maxbytes=50KB\nstdout_logfile_backups=10\nstopasgroup=true\nkillasgroup=true\n"
    )
    saved = tmp_path / "saved"
    with PtyApp(["-s", f"unix://{tmp_path}/s"], tmp_path) as console:
        console.see("rows", "RUNNING")
        console.keys("o")
        console.see("row 39999")
        console.keys("g", "g", "K")
        console.see("older lines loaded")
        console.keys("S", str(saved), "enter")
        console.see("saved to")
        found = numbers(saved)
        assert found == list(range(found[0], 40_000))
        assert len(found) > 15_000  # far more than the live file and the first 64 KiB
        assert len(list(tmp_path.glob("rows.log.*"))) >= 4


def test_a_killed_daemon_leaves_no_hole(supervise: Supervise, tmp_path: Path) -> None:
    script = "i=0; while :; do echo row $i; i=$((i+1)); sleep 0.01; done"
    supervisor = supervise(f"[program:rows]\ncommand={shell(script)}\nstopasgroup=true\nkillasgroup=true\n")
    saved = tmp_path / "saved"
    with PtyApp(["-s", f"unix://{tmp_path}/s"], tmp_path) as console:
        console.see("rows", "RUNNING")
        console.keys("o")
        console.see("row ")
        supervisor.kill_daemon()
        supervisor.wait_ready()

        def last() -> int:
            rows = [int(line[4:]) for line in console.lines() if line.startswith("row ")]
            return rows[-1] if rows else 0

        before = last()
        console.wait(lambda: last() > before + 100, "a hundred lines more")
        console.keys("S", str(saved), "enter")
        console.see("saved to")
        found = numbers(saved)
        assert found == list(range(found[0], found[-1] + 1))
