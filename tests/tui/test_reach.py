"""``supervisortui fleet``, and logging in: before the screen, and again while it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.consoles import fleet_file, urls
from tests.tui.fakes import FakeThread
from tests.tui.ptyapp import MAIN, PtyApp


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *words], env={"HOME": str(home), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_every_supervisor_is_tried_and_has_one_line(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    login = {"username": "admin", "password": "secret"}
    file = fleet_file(tmp_path / "fleet.toml", {"one": {"env": "prod"}, "shut": login})
    done = run("fleet", "--check", str(file), home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "one   ok      RUNNING, 10 processes, supervisor 5.0.0, live, admin",
        "shut  ok      RUNNING, 10 processes, supervisor 5.0.0, live, admin",
    ]
    fleet_file(file, {"one": {}, "shut": {}, "gone": {}})
    done = run("fleet", "--check", str(file), home=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[1:] == [
        "shut  FAILED  the server asks for a user name and a password",
        "gone  FAILED  no such file or directory",
    ]
    done = run("fleet", "one", "--check", str(file), home=tmp_path)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, "only those that are named"
    done = run("fleet", "--fleet", str(file), home=tmp_path)
    assert done.stdout.splitlines()[0] == f"one\t\tunix://{tmp_path}/one/s.sock"


def test_every_mistake_of_the_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[fleet.a]\nurl = 3\n[fleet.b]\nurl = "unix:///b"\nsize = 1\n[flet.c]\n')
    done = run("fleet", "--check", str(file), home=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    first, second, third = done.stdout.splitlines()
    assert first.startswith(f"{file}:6: 'flet' is not known here")
    assert second.startswith(f"{file}:2: url is to be") and third.startswith(f"{file}:5: size is not known")
    done = run("fleet", "--check", str(tmp_path / "none"), home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"supervisortui: {tmp_path}/none: there is no such file\n"


def test_a_password_is_asked_for_and_not_echoed(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/shut/s.sock"
    with PtyApp(["-s", url, "-u", "admin"], tmp_path) as console:
        console.see("Password of admin for local:")
        console.keys("secret\n")
        console.see("web_00", "live")
        assert b"secret" not in console.raw
    with PtyApp(["-s", url, "-u", "admin"], tmp_path) as console:
        console.see("Password of admin for local:")
        console.keys("\x04")
        assert console.end() == 2
        assert "supervisortui: no password was given" in console.text()


def test_a_refused_password_can_be_typed_again(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with PtyApp(["-s", f"unix://{tmp_path}/shut/s.sock", "-u", "admin", "-p", "wrong"], tmp_path) as console:
        console.see("AUTH FAILED", "g l logs in")
        console.keys("g", "l")
        console.see("LOG IN", "user", "admin", "password")
        console.keys("nope", "enter")
        console.miss("LOG IN")
        console.see("AUTH FAILED")
        console.keys("g", "l", "secret")
        console.see("******")
        console.keys("enter")
        console.see("web_00", "live")
        console.keys("g", "m")
        console.see("logging in as admin")
        assert b"secret" not in console.raw and "secret" not in console.text()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


def test_enter_on_a_refused_supervisor_asks(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with PtyApp(urls(tmp_path, "one", "shut"), tmp_path, cols=120) as console:
        console.see("refused", "Enter logs in")
        console.keys("down", "enter")
        console.see("LOG IN", "user", "password")
        console.keys("admin", "tab", "secret", "enter")
        console.miss("refused")
        console.see("Needs attention 4")
