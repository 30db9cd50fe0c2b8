"""Every screen at three sizes, as text in ``snapshots/``: what a change does to the picture is seen in its difference.

``python -m tests.tui.test_snapshots`` writes them anew. The clock stands still and the
zone is UTC, so that the same code always gives the same picture.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

import pytest
from urwid.testing import render_text

from supervisor.ctl.why import Transition
from supervisor.protocol import stream as wire
from supervisor.states import ProcessStates as S
from supervisor.tui.commands import ATTACHED, COMMANDS, Verb, plan
from supervisor.tui.glance import last_line
from supervisor.tui.glyphs import UNICODE
from supervisor.tui.keymap import KeyMap
from supervisor.tui.listview import ListView
from supervisor.tui.logbuffer import LogBuffer
from supervisor.tui.model import (
    ChangeTold,
    Level,
    LinkKind,
    LinkTold,
    Model,
    Ref,
    SnapshotTold,
    UsageTold,
)
from supervisor.tui.pane import Look, Row
from supervisor.tui.screens.asking import Question, TypeName
from supervisor.tui.screens.attach import AttachScreen
from supervisor.tui.screens.detail import Detail, Why
from supervisor.tui.screens.dialogs import Choice, Confirm, Dialog, Item
from supervisor.tui.screens.events import Events
from supervisor.tui.screens.fleet import Fleet
from supervisor.tui.screens.login import Login
from supervisor.tui.screens.logs import Logs
from supervisor.tui.screens.overview import Overview
from supervisor.tui.screens.page import Page, help_rows
from supervisor.tui.screens.settings import SettingsPage
from supervisor.tui.screens.stage import Stage
from supervisor.tui.settings import Settings
from tests.tui.fakes import FakeServer, example

FOLDER: Final = Path(__file__).parent / "snapshots"
SIZES: Final = ((80, 24), (120, 40), (200, 60))
NOW: Final = 1_763_982_224.0
LOOK: Final = Look(UNICODE, lambda: NOW)


class Scene:
    """The example of the mock-ups, as the console would show it."""

    def __init__(self) -> None:
        server = asyncio.run(_server())
        self.model = Model()
        self.model.apply(LinkTold("local", LinkKind.LIVE, role="admin"), NOW)
        records = tuple(fake.record for fake in server.processes.values())
        self.model.apply(SnapshotTold("local", records), NOW)
        usage = {
            (f.record.group, f.record.name): (f.cpu, float(f.rss)) for f in server.processes.values() if f.cpu
        }
        for step in range(12):
            self.model.apply(
                UsageTold("local", {k: (v * (1 + step % 4), r) for k, (v, r) in usage.items()}), NOW
            )
        self._events(server)
        self.view = ListView(self.model)
        self.overview = Overview(self.model, self.view, LOOK)
        self.overview.table.last_line = lambda ref: last_line(
            bytes(server.processes[ref.namespec].logs["stdout"].data)
        )
        self.view.refresh(NOW)
        self.view.go(3)
        self.log = LogBuffer()
        self.log.begin(1, 0, 0)
        self.log.output(1, 0, bytes(server.processes["api:worker_00"].logs["stdout"].data))
        self.overview.log.show(self.log, "api:worker_00", "stdout")
        self.stage = Stage(self.model, LOOK, self.overview)

    def _events(self, server: FakeServer) -> None:
        for number in range(25):
            self.model.note(NOW - 9000 + number * 60, Level.INFO, "etl:extract", "RUNNING -> EXITED 0")
        self.model.note(NOW - 340, Level.USER, "you", "restart api:worker_01")
        self.model.note(NOW - 200, Level.LINK, "local", "connected again")
        record = server.processes["api:worker_00"].record
        for state, ago in ((S.STARTING, 11), (S.RUNNING, 10), (S.EXITED, 3), (S.BACKOFF, 2)):
            server.change("api:worker_00", state, pid=6113 if ago > 5 else 0, changed=NOW - ago)
            self.model.apply(ChangeTold("local", server.processes["api:worker_00"].record, NOW - ago), NOW)
        assert record.name == "worker_00"

    def picture(self, cols: int, rows: int) -> str:
        contexts = (
            (self.stage.dialog.context,)
            if self.stage.dialog is not None
            else (self.stage.screen.context, "global")
        )
        self.stage.footer.entries = KeyMap().footer(contexts)
        self.stage.footer.hint = self.stage.dialog.hint if self.stage.dialog is not None else []
        render_text(self.stage, (cols, rows), focus=True)  # a screen learns its size by being drawn
        return "".join(f"{line.rstrip()}\n" for line in render_text(self.stage, (cols, rows), focus=True))


async def _server() -> FakeServer:
    server = FakeServer("")
    example(server, NOW)
    return server


def overview(scene: Scene) -> None: ...


def marked(scene: Scene) -> None:
    scene.view.mark_glob("api:*", on=True)
    scene.view.fold_all(True)
    scene.view.folded.clear()
    scene.view.refresh(NOW)


def log(scene: Scene) -> None:
    scene.overview.focused = scene.overview.zoomed = scene.overview.log


def detail(scene: Scene) -> None:
    screen = Detail(scene.model, LOOK, Ref("local", "api", "worker_00"))
    screen.log.show(scene.log, "api:worker_00", "stdout")
    screen.other.show(LogBuffer(), "api:worker_00", "stderr")
    screen.past.why = Why(
        tuple(
            Transition(NOW - ago, to, cause, 6113, status)
            for ago, to, cause, status in (
                (3 * 86400.0, "RUNNING", "autostart", ""),
                (11.0, "STARTING", "restart by admin", ""),
                (10.0, "RUNNING", "lived for startsecs", ""),
                (3.0, "EXITED", "unexpected", "exit status 1"),
                (2.0, "BACKOFF", "try 3 of 5", ""),
            )
        ),
        (("stderr", "Traceback (most recent call last):"), ("stderr", "TimeoutError: 700 ms")),
    )
    scene.stage.screen = screen


def events(scene: Scene) -> None:
    scene.stage.screen = Events(scene.model, LOOK)


def fleet(scene: Scene) -> None:
    """Twelve supervisors: up, slow, polled, protected, stale, away, refused, folded."""
    model = scene.model = Model(_FLEET)
    server = asyncio.run(_server())
    records = tuple(fake.record for fake in server.processes.values())
    for number, (name, (env, kind)) in enumerate(_FLEET.items()):
        sup = model.sups[name]
        sup.env, sup.protect, sup.colour = env, env == "prod", "blue" if env == "staging" else ""
        if kind in (LinkKind.LIVE, LinkKind.POLL, LinkKind.AWAY):
            live = LinkKind.LIVE if kind is LinkKind.AWAY else kind
            version = "4.3.0" if kind is LinkKind.POLL else "5.0.0"
            model.apply(LinkTold(name, live, role="admin", identification=name, version=version), NOW - 90)
            model.apply(SnapshotTold(name, records[: 2 + number]), NOW - 90)
        if kind is not LinkKind.LIVE and kind is not LinkKind.POLL:
            reason = "wrong user name or password" if kind is LinkKind.AUTH_FAILED else "silent for 10 s"
            model.apply(LinkTold(name, kind, reason, attempt=3, next_at=NOW + 6), NOW - 12)
    model.apply(LinkTold("stg-2", LinkKind.AWAY, "connection refused", attempt=9, next_at=NOW + 12), NOW - 12)
    screen = Fleet(model, LOOK, lambda sup: 1.4 if sup == "web-3" else 0.009, ListView(model))
    screen.sups.view.folded.add("edge")
    scene.stage = Stage(model, LOOK, screen)
    scene.stage.title.scope, scene.stage.title.all_words = None, "FLEET"


def groups(scene: Scene) -> None:
    """The same by group, one of them unfolded."""
    fleet(scene)
    screen = scene.stage.screen
    assert isinstance(screen, Fleet)
    screen.sups.view.turn()
    screen.sups.view.fold(False)


_FLEET: Final = {
    "web-1": ("prod", LinkKind.LIVE), "web-2": ("prod", LinkKind.LIVE), "web-3": ("prod", LinkKind.LIVE),
    "db-1": ("prod", LinkKind.AWAY), "stg-1": ("staging", LinkKind.POLL), "stg-2": ("staging", LinkKind.CONNECTING),
    "stg-3": ("staging", LinkKind.AUTH_FAILED), "edge-1": ("edge", LinkKind.LIVE), "edge-2": ("edge", LinkKind.LIVE),
    "with-a-name-too-long-for-any-column": ("", LinkKind.LIVE), "東京-1": ("", LinkKind.LIVE), "laptop": ("", LinkKind.LIVE),
}  # fmt: skip


def logs(scene: Scene) -> None:
    screen = Logs(scene.model, LOOK, lambda pane: None)
    screen.pane.show(scene.log, "api:worker_00", "stdout")
    screen.split(right=True)
    other = LogBuffer()
    other.begin(1, 0, 0)
    other.output(1, 0, b"GET / 200 12 ms\nGET /items/9 504 702 ms\n\x1b[31mtimeout\x1b[0m\n" * 20)
    screen.pane.show(other, "api:web_00", "stdout")
    scene.stage.screen = screen


def attach(scene: Scene) -> None:
    screen = AttachScreen(LOOK, "local api:console", lambda data: True, lambda wish: None, read_only=False)
    screen.take(wire.Attached(0, "api:console", True, 7001, True, 22, 80, 1, 0))
    said = b">>> from app import db\r\n>>> db.ping()\r\n\x1b[32mTrue\x1b[0m\r\n>>> "
    screen.take(wire.Output(0, "stdout", 1, 0, said))
    screen.pump(1)
    scene.stage.full = screen


def dialog(make: Callable[[Scene], Dialog]) -> Callable[[Scene], None]:
    def build(scene: Scene) -> None:
        scene.stage.dialog = make(scene)

    return build


def _confirm(scene: Scene) -> Dialog:
    refs = [ref for ref in scene.model.records if ref.group == "api"]
    chosen = plan(Verb.RESTART, refs, scene.model, "group api", rolling=1)
    return Confirm(LOOK, chosen, lambda plan: None, lambda also, rolling: chosen, rolls=True)


def _help(scene: Scene) -> Dialog:
    return Page(LOOK, "Keys: list", _keys, lambda: None, edit=lambda: None)


def _keys(cols: int) -> list[Row]:
    return help_rows(KeyMap(), ("list", "global"), cols, changing=True)


def _palette(scene: Scene) -> Dialog:
    items = [
        Item(name, command.help, "", "") for name, command in COMMANDS.items() if command.section != ATTACHED
    ]
    found = Choice(LOOK, "Command palette", items, lambda value: None, search=True)
    for key in "rest":
        found.typed(key)
    return found


def _settings(scene: Scene) -> Dialog:
    return SettingsPage(LOOK, Settings(), lambda s: None, lambda key: None, lambda: None, lambda: None)


def _reload(scene: Scene) -> Dialog:
    lines = ["Update local to its configuration as it is now?", "", "etl: changed", "  etl:load: restart"]
    lines += ["    command: /srv/etl/load -> /srv/etl/load --once", "  2 processes are not touched"]
    return Question(LOOK, "RELOAD", lines, "Update", lambda agreed: None)


def _shutdown(scene: Scene) -> Dialog:
    lines = ["Shut down the supervisor local:", "every program is stopped, and the supervisor ends."]
    return TypeName(LOOK, "TYPE ITS NAME", lines, "local", lambda agreed: None)


def _messages(scene: Scene) -> Dialog:
    said = (
        ("msg.ok", "restarted api:web_00"),
        ("msg.error", "cannot start etl:load: spawn error: no such file"),
    )
    rows: list[Row] = [
        [("ui.text.muted@panel", " 11:03:44 "), (f"{role}@panel", text)] for role, text in said
    ]
    return Page(LOOK, "Messages", lambda cols: rows, lambda: None)


def _login(scene: Scene) -> Dialog:
    found = Login(
        LOOK, ["db  https://db.example.org:9001", "wrong user name or password"], "admin", lambda login: None
    )
    for key in "secret":
        found.typed(key)
    return found


SCENES: Final[dict[str, Callable[[Scene], None]]] = {
    "overview": overview,
    "fleet": fleet,
    "groups": groups,
    "logs": logs,
    "attach": attach,
    "messages": dialog(_messages),
    "login": dialog(_login),
    "marked": marked,
    "log": log,
    "detail": detail,
    "events": events,
    "confirm": dialog(_confirm),
    "help": dialog(_help),
    "palette": dialog(_palette),
    "settings": dialog(_settings),
    "reload": dialog(_reload),
    "shutdown": dialog(_shutdown),
}
SMALL_ONLY: Final = frozenset(
    {"groups", "marked", "log", "palette", "settings", "reload", "shutdown", "messages", "login"}
)
"""What looks the same at every size but for the room around it."""
PICTURES: Final = [(name, size) for name in SCENES for size in (SIZES[:1] if name in SMALL_ONLY else SIZES)]


def drawn(name: str, size: tuple[int, int]) -> str:
    scene = Scene()
    SCENES[name](scene)
    return scene.picture(*size)


def path_of(name: str, size: tuple[int, int]) -> Path:
    return FOLDER / f"{name}-{size[0]}x{size[1]}.txt"


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(("name", "size"), PICTURES, ids=[f"{n}-{s[0]}x{s[1]}" for n, s in PICTURES])
def test_the_picture_is_as_it_was(name: str, size: tuple[int, int]) -> None:
    path = path_of(name, size)
    before, now = path.read_text(encoding="utf-8"), drawn(name, size)
    difference = "".join(unified_diff(before.splitlines(True), now.splitlines(True), path.name, "now"))
    assert not difference, f"python -m tests.tui.test_snapshots renews it\n{difference}"


def test_no_picture_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path_of(*picture).name for picture in PICTURES}


def main() -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    for path in FOLDER.iterdir():
        path.unlink()
    for picture in PICTURES:
        path_of(*picture).write_text(drawn(*picture), encoding="utf-8")


if __name__ == "__main__":
    main()
