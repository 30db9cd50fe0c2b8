"""Settings, key maps and themes of the operator: files with their mistakes, and the screens that change them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from supervisor.tui.files import load_theme
from supervisor.tui.glyphs import ASCII
from supervisor.tui.pane import Look
from supervisor.tui.screens.settings import SettingsPage
from supervisor.tui.settings import SETTINGS, Settings, following, read, write
from tests.support.consoles import app
from tests.tui.fakes import FakeThread
from tests.tui.ptyapp import MAIN


def own(tmp_path: Path, name: str, text: str) -> Path:
    """A file in the operator's folder."""
    path = tmp_path / ".config" / "supervisortui" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *words],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(home)},
    )


# --- the file ----------------------------------------------------------------------------------------


def test_what_is_written_is_read_again() -> None:
    chosen = Settings("paper", "vi", ("cpu",), False, "ascii", 10, "strip", "ask", ("db-*", 'a"b'))
    assert read(write(chosen), "s.toml") == (chosen, ())
    assert write(Settings()) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nmuose = true", "s.toml:2: no setting 'muose', did you mean 'mouse'?"),
        ('mouse = "yes"', "s.toml:1: mouse must be one of true, false"),
        ("mouse = 1", "s.toml:1: mouse must be one of true, false"),
        ("frame_rate = 500", "s.toml:1: frame_rate must be a number from 1 to 60"),
        ('glyphs = "emoji"', "s.toml:1: glyphs must be one of auto, unicode, ascii"),
        ('columns = ["pid", "colour"]', "s.toml:1: no column 'colour'"),
        ('critical = "db"', "s.toml:1: critical must be a list"),
        ("theme = 3", "s.toml:1: theme must be a name"),
        ('theme = "a"\ntheme = "b"', "s.toml:2: cannot read it: cannot overwrite a value"),
        ("theme", "s.toml:1: cannot read it: expected '='"),
    ],
)
def test_a_mistake_has_its_line_and_the_rest_is_used(text: str, problem: str) -> None:
    found, problems = read(text, "s.toml")
    assert len(problems) == 1 and problems[0].startswith(problem)
    assert found == Settings()
    if "cannot read" not in problem:
        found, _ = read(f"{text}\nansi = 'strip'", "s.toml")
        assert found.ansi == "strip"


def test_choices_go_round() -> None:
    for setting in SETTINGS:
        value: object = getattr(Settings(), setting.key)
        for _ in setting.choices:
            value = following(setting.key, value, 1)
        if setting.choices:
            assert value == getattr(Settings(), setting.key)
            assert following(setting.key, following(setting.key, value, -1), 1) == value


# --- the console -------------------------------------------------------------------------------------


def test_settings_are_changed_in_place_and_kept_when_asked(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "◉")
        console.keys("f2")
        console.see("Settings", "glyphs", "auto")
        console.keys("down", "down", "down", "down", "right", "right")
        console.see("< ascii >")
        console.keys("s")
        console.see("saved in")
        console.keys("esc")
        console.see("+  web_00")
    path = tmp_path / ".config" / "supervisortui" / "settings.toml"
    assert tomllib.loads(path.read_text()) == {"glyphs": "ascii"}
    with app(tmp_path) as console:
        console.see("+  web_00")


def test_columns_are_chosen(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "PID")
        console.keys("C")
        console.see("[x] pid")
        console.keys("enter")
        console.see("[ ] pid")
        console.keys("esc")
        console.miss("PID")
        console.see("UPTIME", "3d02h")


def test_mistakes_in_the_files_are_told_and_the_console_starts(server: FakeThread, tmp_path: Path) -> None:
    own(tmp_path, "settings.toml", "\nframe_rate = 500\n")
    own(tmp_path, "keys.toml", '[keys.list]\n"Q" = "fly"\n"W" = "detail"\n')
    with app(tmp_path, cols=100) as console:
        console.see("settings.toml:2: frame_rate must be", "(and 1 more, g m shows)", "web_00")
        console.keys("g", "m")
        console.see("keys.toml:2: [keys.list] no command 'fly'")
        assert console.text().count("command 'fly'") == 1
        console.keys("esc")
        console.miss("command 'fly'")
        console.keys("W")
        console.see("> api:web_00")


def test_a_key_map_file_and_its_arguments(server: FakeThread, tmp_path: Path) -> None:
    keys = tmp_path / "mine.toml"
    keys.write_text('[keys.list]\n"K" = "signal HUP"\n"x" = ""\n')
    with app(tmp_path, "--keys", str(keys)) as console:
        console.see("web_00")
        console.keys("x")
        console.see("no command on x here")
        console.keys("?")
        console.see("Keys: list")
        console.keys("pgdn")
        console.see("send a signal: HUP")
        console.keys("esc")
        console.miss("send a signal: HUP")
        console.keys("K")
        console.see("signal HUP api:web_00")
        console.wait(
            lambda: server.do(lambda s: s.calls) == [("supervisor.signalProcess", ["api:web_00", "HUP"])],
            "the call",
        )


def test_a_key_is_edited_from_the_help(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("?", "K")
        console.see("Edit keys: list")
        console.keys("only what needs", "enter")
        console.see("key for only what needs attention")
        console.keys("Q", "enter")
        console.see("Q is attention now, in list")
        console.keys("Q")
        console.see("trouble only")
    text = (tmp_path / ".config" / "supervisortui" / "keys.toml").read_text()
    assert tomllib.loads(text) == {"keys": {"list": {"Q": "attention"}}}


def test_critical_programs_ask(server: FakeThread, tmp_path: Path) -> None:
    own(tmp_path, "settings.toml", 'critical = ["api:*"]\n')
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("x")
        console.see("Stop api:web_00: 1 process?")
        console.keys("esc")
        console.see("nothing was sent")


@pytest.mark.parametrize(
    ("ground", "name"), [("0;15", "paper"), ("0;default;7", "paper"), ("15;0", "dusk"), ("", "dusk")]
)
def test_the_theme_auto_goes_by_the_terminal(ground: str, name: str) -> None:
    assert load_theme("auto", {"COLORFGBG": ground}).name == name


def test_a_saved_theme_that_is_gone_is_told(server: FakeThread, tmp_path: Path) -> None:
    own(tmp_path, "settings.toml", 'theme = "gone"\n')
    with app(tmp_path, cols=120) as console:
        console.see("there is no theme 'gone': there are dusk", "web_00")


def test_another_prefix_of_attach(server: FakeThread, tmp_path: Path) -> None:
    own(tmp_path, "keys.toml", '[keys.attach]\nprefix = "ctrl ^"\n')
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G", "a")
        console.see("ATTACHED shell:console", "Ctrl-^ d detaches")
        console.keys("\x1e", "d")
        console.see("detached from shell:console")


# --- the checks --------------------------------------------------------------------------------------


def test_keys_check(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('[keys.list]\n"j" = "stop"\n')
    done = run("keys", "--check", str(path), home=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == f"{path}:2: [keys.list] j moves the cursor: 'stop' cannot be on it\n"
    all_keys = run("keys", home=tmp_path)
    path.write_text(all_keys.stdout)
    done = run("keys", "--check", str(path), home=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{path}: nothing is wrong\n")
    assert run("keys", "--check", str(tmp_path / "no"), home=tmp_path).returncode == 2


def test_theme_check(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[theme]\ninherits = "dusk"\n[palette]\nfg = "#1a1a1a"\nok = "green"\n[roles]\n"log.txt" = "fg on bg"\n'
    )
    done = run("theme", "--check", str(path), home=tmp_path)
    assert done.returncode == 1
    assert f"{path}:7: no role 'log.txt', did you mean 'log.text'?" in done.stdout
    assert f"{path}:5: colour ok: cannot use 'green'" in done.stdout
    assert "role log.text: contrast 1." in done.stdout
    path.write_text('[theme]\ninherits = "paper"\n')
    done = run("theme", "--check", str(path), home=tmp_path)
    assert done.returncode == 0 and "nothing is wrong; the lowest contrast is" in done.stdout
    path.write_text("[theme\n")
    done = run("theme", "--check", str(path), home=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith(f"supervisortui: {path}:1: cannot read it:")


@pytest.mark.parametrize("rows", [5, 9, 12, 30])
def test_the_settings_are_scrolled_where_there_is_little_room(rows: int) -> None:
    page = SettingsPage(
        Look(ASCII, lambda: 0.0), Settings(), lambda s: None, lambda key: None, lambda: None, lambda: None
    )
    for setting in SETTINGS:
        painted = page.paint(40, rows, True)
        at = page.cursor(40, rows)
        assert at is not None and setting.key in "".join(text for _, text in painted[at[1]])
        page.command("down")
