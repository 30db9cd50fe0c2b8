"""Every screen, pane and dialog at every size, with and without data, in Unicode and ASCII."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from urwid.testing import check_box_sizing, render_text

from supervisor.protocol import stream as wire
from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.states import getProcessStateDescription
from supervisor.tui import filters
from supervisor.tui.commands import Plan, Verb, plan
from supervisor.tui.glyphs import ASCII, UNICODE
from supervisor.tui.keymap import ATTACH, KeyMap
from supervisor.tui.link import record_of
from supervisor.tui.listview import ListView
from supervisor.tui.logbuffer import LogBuffer
from supervisor.tui.model import ChangeTold, LinkKind, LinkTold, Model, Ref, SnapshotTold, UsageTold
from supervisor.tui.pane import Line, Look, Prompt, Row, TitleBar, row_width, slice_row
from supervisor.tui.screens.asking import Question, TypeName
from supervisor.tui.screens.attach import AttachScreen, Wish, walk
from supervisor.tui.screens.detail import Detail
from supervisor.tui.screens.dialogs import Choice, Confirm, Dialog, Item
from supervisor.tui.screens.events import Events
from supervisor.tui.screens.logpane import LogPane
from supervisor.tui.screens.overview import Overview
from supervisor.tui.screens.page import Page, help_rows
from supervisor.tui.screens.stage import Stage
from supervisor.tui.screens.table import ProcessTable, columns
from supervisor.tui.terminal import Terminal
from supervisor.tui.terminal.backlog import LIMIT_BYTES
from supervisor.tui.words import width_of

SIZES = [(40, 12), (80, 24), (120, 40), (200, 60)]
LOOKS = [Look(UNICODE, lambda: 1000.0), Look(ASCII, lambda: 1000.0)]


def record(group: str, name: str, state: int = S.RUNNING, **facts: Any) -> ProcessRecord:
    return ProcessRecord(name, group, state, getProcessStateDescription(state) or "", **facts)


def full_model() -> Model:
    """All states, awkward names, all that can be empty being empty somewhere."""
    model = Model()
    records = [record("all", f"p{state}", state) for state in (0, 10, 20, 30, 40, 100, 200, 1000)]
    records += [
        record(
            "g", "名前_with_a_very_long_name_indeed_00", S.RUNNING, pid=4194304, start=1.0, restarts=12345
        ),
        record(
            "g",
            "bad\x1b[31m",
            S.EXITED,
            exitstatus=3,
            expected=False,
            spawnerr="\x07" * 3,
            trouble="log full",
        ),
        record("solo", "solo", S.RUNNING, pid=1, start=999.0, command="x" * 400, stdin="tty"),
    ]
    model.apply(LinkTold("local", LinkKind.LIVE, role="admin"), 1000.0)
    model.apply(SnapshotTold("local", tuple(records)), 1000.0)
    model.apply(UsageTold("local", {("solo", "solo"): (1234.5, 2.0**41)}), 1000.0)
    model.apply(ChangeTold("local", record("solo", "solo", S.EXITED, exitstatus=0)), 1000.0)
    return model


def overview(model: Model, look: Look) -> tuple[Overview, ListView]:
    view = ListView(model)
    screen = Overview(model, view, look)
    view.refresh(1000.0)
    buffer = LogBuffer()
    buffer.begin(1, 0, 0)
    buffer.output(1, 0, "log line \x1b[31mred\x1b[0m 検索 \t tab\nERROR bad\n".encode() * 30)
    screen.log.show(buffer, "solo", "stdout")
    return screen, view


@pytest.mark.parametrize("look", LOOKS, ids=["unicode", "ascii"])
@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_the_whole_picture_at_every_size(look: Look, empty: bool, size: tuple[int, int]) -> None:
    model = Model() if empty else full_model()
    screen, _ = overview(model, look)
    for shown in (screen, Events(model, look), Detail(model, look, Ref("local", "solo", "solo"))):
        stage = Stage(model, look, shown)
        check_box_sizing(stage, cols=size[0], rows=size[1])
        for line in render_text(stage, size, focus=True):
            assert width_of(line) == size[0]
            assert "\x1b" not in line


@pytest.mark.parametrize("look", LOOKS, ids=["unicode", "ascii"])
def test_ascii_is_ascii(look: Look) -> None:
    if look.glyphs is not ASCII:
        return
    model = Model()
    model.apply(SnapshotTold("local", (record("a", "a"), record("b", "b", S.FATAL))), 1000.0)
    screen, _ = overview(model, look)
    screen.log.show(LogBuffer(), "a", "stdout")
    for size in SIZES:
        assert all(line.isascii() for line in render_text(Stage(model, look, screen), size))


def dialogs() -> list[Callable[[Look], Dialog]]:
    model = full_model()
    many = Model()
    many.apply(SnapshotTold("local", tuple(record("g", f"process_{n:03d}") for n in range(300))), 1000.0)

    def confirm(of: Model) -> Callable[[Look], Dialog]:
        chosen = plan(Verb.RESTART, list(of.records), of, "group all", also_stopped=True)

        def replan(also: bool, rolling: int) -> Plan:
            return chosen

        return lambda look: Confirm(look, chosen, lambda plan: None, replan, rolls=True)

    items = [Item(str(n), f"item {n} 検索", "detail" * 3, "F1", n % 2 == 0) for n in range(50)]

    def keys(cols: int) -> list[Row]:
        return help_rows(KeyMap(), ("list", "global"), cols, changing=False)

    lines = [f"line {n} 検索 \x1b[31m" for n in range(40)]
    return [
        lambda look: Question(look, "reload", lines, "Update", lambda agreed: None),
        lambda look: TypeName(look, "shutdown", lines[:3], "local", lambda agreed: None),
        confirm(model),
        confirm(many),
        lambda look: Choice(look, "choose", items, lambda value: None, search=True),
        lambda look: Choice(look, "nothing", [], lambda value: None),
        lambda look: Page(look, "help", keys, lambda: None),
    ]


@pytest.mark.parametrize("cols", [40, 78, 118])
def test_no_text_of_the_help_is_cut(cols: int) -> None:
    keymap = KeyMap()
    shown = " ".join(
        "".join(text for _, text in row) for row in help_rows(keymap, ("list", "global"), cols, changing=True)
    )
    told = {command.help for _, rows in keymap.help(("list", "global")) for _, command in rows}
    assert set(" ".join(told).split()) <= set(shown.split())


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("size", [*SIZES, (20, 5)])
def test_dialogs_at_every_size(number: int, size: tuple[int, int]) -> None:
    model = full_model()
    screen, _ = overview(model, LOOKS[0])
    stage = Stage(model, LOOKS[0], screen)
    stage.dialog = dialogs()[number](LOOKS[0])
    for command in ("down", "page-down", "last", "next", "up", "first"):
        stage.dialog.command(command)
        assert all(width_of(line) == size[0] for line in render_text(stage, size, focus=True))


def test_confirm_begins_on_cancel() -> None:
    ended: list[object] = []
    model = full_model()
    chosen = plan(Verb.STOP, [r for r in model.records if model.records[r].state == S.RUNNING], model, "two")
    dialog = Confirm(LOOKS[0], chosen, ended.append)
    dialog.command("accept")
    assert ended == [None] and dialog.over
    dialog.command("accept")
    assert len(ended) == 1
    dialog = Confirm(LOOKS[0], chosen, ended.append)
    dialog.command("next")
    dialog.command("accept")
    assert ended[-1] is chosen


def test_confirm_can_take_the_stopped_ones_along() -> None:
    model = full_model()
    refs = list(model.records)
    first = plan(Verb.RESTART, refs, model, "all")
    ended: list[Any] = []

    def replan(also: bool, rolling: int) -> Plan:
        return plan(Verb.RESTART, refs, model, "all", also_stopped=also, rolling=rolling)

    dialog = Confirm(LOOKS[0], first, ended.append, replan)
    dialog.command("previous")
    dialog.command("toggle")
    dialog.command("yes")
    assert len(ended[0].records) == len(refs) > len(first.records)


def test_a_choice_is_narrowed_by_typing() -> None:
    ended: list[str | None] = []
    items = [Item("a", "restart"), Item("b", "restart its group"), Item("c", "go to process", "etl:load")]
    dialog = Choice(LOOKS[0], "palette", items, ended.append, search=True)
    for key in "load":
        assert dialog.typed(key)
    dialog.command("accept")
    assert ended == ["c"]


def test_columns_go_in_the_agreed_order() -> None:
    shown = [
        [name for name in ("rss", "cpu", "restarts", "pid") if getattr(columns(width, 12), name)]
        for width in (70, 60, 54, 49)
    ]
    assert shown[0] == ["rss", "cpu", "restarts", "pid"]
    assert shown[1] == ["cpu", "restarts", "pid"]
    assert shown[2] == ["restarts", "pid"]
    assert columns(49, 12).state == 0


def test_ten_thousand_rows_cost_what_can_be_seen() -> None:
    """The rows painted, not the rows there are, decide what is asked of the model."""
    model = Model()
    model.apply(SnapshotTold("local", tuple(record("g", f"p{n:05d}") for n in range(10_000))), 1000.0)
    screen, view = overview(model, LOOKS[0])
    asked = 0

    class Counting(dict[Ref, ProcessRecord]):
        def __getitem__(self, key: Ref) -> ProcessRecord:
            nonlocal asked
            asked += 1
            return super().__getitem__(key)

    model.records = Counting(model.records)
    for _ in range(20):
        view.move(100)
        view.refresh(1001.0)
        render_text(screen.table, (80, 20), focus=True)
    assert asked <= 20 * 22 * 2


def test_cursor_is_on_the_selected_row() -> None:
    screen, view = overview(full_model(), LOOKS[0])
    view.go(3)
    canvas = Stage(full_model(), LOOKS[0], screen).render((80, 24), focus=True)
    assert canvas.cursor == (0, 1 + 1 + 3)


def test_empty_list_says_why() -> None:
    model = full_model()
    screen, view = overview(model, LOOKS[0])
    view.change(filter=filters.parse("nothing_like_this"))
    view.refresh(1000.0)
    assert any("nothing passes the filter" in line for line in render_text(screen, (80, 20)))


def log_pane(text: bytes, **settings: Any) -> LogPane:
    pane = LogPane(LOOKS[0])
    pane.frame = "none"
    buffer = LogBuffer()
    buffer.begin(1, 0, 0)
    buffer.output(1, 0, text)
    pane.show(buffer, "x", "stdout")
    for name, value in settings.items():
        setattr(pane, name, value)
    return pane


def shown(pane: LogPane, cols: int = 20, rows: int = 4) -> list[str]:
    return render_text(pane, (cols, rows), strip=True)


def test_log_follows_and_scrolls() -> None:
    pane = log_pane(b"".join(b"line %d\n" % n for n in range(100)))
    assert shown(pane) == ["line 96", "line 97", "line 98", "line 99"]
    pane.move(-2)
    assert shown(pane) == ["line 94", "line 95", "line 96", "line 97"]
    pane.buffer.output(1, pane.buffer.offset, b"new\n")
    assert shown(pane)[0] == "line 94"
    pane.follow()
    assert shown(pane)[-1] == "new"
    pane.first()
    assert shown(pane)[0] == "line 0"


def test_log_wraps_and_shifts() -> None:
    pane = log_pane("abcdefghij検索検索xyz\n".encode(), wrap=True)
    assert shown(pane, 12) == ["abcdefghij検", "索検索xyz", "", ""]
    pane.wrap = False
    assert shown(pane, 12)[0] == "abcdefghij ›"
    pane.sideways(1)
    assert shown(pane, 12)[0] == "ij検索検索›" or shown(pane, 12)[0].startswith("ij検索")


def test_log_pause_holds_the_picture() -> None:
    pane = log_pane(b"one\n")
    pane.pause()
    pane.buffer.output(1, pane.buffer.offset, b"two\n")
    assert shown(pane) == ["one", "", "", ""]
    pane.pause()
    assert shown(pane)[:2] == ["one", "two"]


def test_log_search_goes_to_matches() -> None:
    pane = log_pane(b"".join(b"line %d\n" % n for n in range(100)))
    shown(pane)
    pane.find("line 5$")
    while pane.work():
        pass
    pane.next_hit(backward=True)
    assert "line 5" in shown(pane)
    assert pane.heading()[1].startswith("/line 5$  1 of 1")


def test_slices_never_change_width() -> None:
    row = Line(30).add("ab検索cd", "x").add("efgh索", "y").done()
    for start in range(20):
        for width in range(1, 12):
            assert sum(width_of(text) for _, text in slice_row(row, start, width)) == min(width, 30 - start)


# --- attach ----------------------------------------------------------------------------------------------


def attach(
    tty: bool = True, writer: bool = True, read_only: bool = False
) -> tuple[AttachScreen, bytearray, list[object]]:
    sent = bytearray()
    wishes: list[object] = []

    def send(data: bytes) -> bool:
        sent.extend(data)
        return True

    screen = AttachScreen(LOOKS[0], "a:b", send, wishes.append, read_only=read_only)
    screen.take(wire.Attached(1, "a:b", tty, 7, writer, 23, 80, 1, 0))
    return screen, sent, wishes


def bar(screen: AttachScreen) -> str:
    return render_text(screen, (120, 24), focus=True)[0]


def body(screen: AttachScreen) -> list[str]:
    return [line.rstrip() for line in render_text(screen, (120, 24), focus=True)[1:]]


def shows(screen: AttachScreen, data: bytes, offset: int = 0) -> None:
    screen.take(wire.Output(1, "stdout", 1, offset, data))
    while screen.pump(10):
        pass


def test_margins_of_the_past_end_with_it_and_the_program_is_asked_to_paint() -> None:
    past = b"\x1b[2J\x1b[1;5rold"
    for writer in (True, False):
        screen, _, wishes = attach(writer=writer)
        screen.take(wire.Attached(1, "a:b", True, 7, writer, 23, 80, 1, len(past)))
        shows(screen, past + b"\x1b[H" + b"".join(b"line %d\r\n" % number for number in range(9)))
        assert body(screen)[:2] == (["line 0", "line 1"] if writer else ["line 5", "line 6"])
        assert wishes == ([Wish.REDRAW] if writer else [])
    screen, _, wishes = attach()
    shows(screen, b"nothing was before this")
    assert wishes == []


def test_a_paste_waits_for_a_program_that_reads_slowly() -> None:
    sent = bytearray()
    room = 0

    def send(data: bytes) -> bool:
        nonlocal room
        if len(data) > room:
            return False
        room -= len(data)
        sent.extend(data)
        return True

    screen = AttachScreen(LOOKS[0], "a:b", send, lambda wish: None, read_only=False)
    screen.take(wire.Attached(1, "a:b", True, 7, True, 23, 80, 1, 0))
    text = bytes(range(0x20, 0x7F)) * 11_000
    screen.input(list(b"\x1b[200~" + text + b"\x1b[201~"))
    screen.input(list(b"!"))
    assert sent == b"" and "to send" in bar(screen)
    while len(sent) < len(text) + 1:
        room = 64 * 1024
        screen.take(wire.InputAck(1, len(sent)))
    assert sent == text + b"!"
    screen.input(list(b"\x1b[200~" + text * 5 + b"\x1b[201~"))
    assert "a paste of more than 4 MB was not sent" in bar(screen)


def test_what_waits_is_not_for_another_process() -> None:
    taken: list[bytes] = []
    away = False

    def send(data: bytes) -> bool:
        if not away:
            taken.append(data)
        return not away

    screen = AttachScreen(LOOKS[0], "a:b", send, lambda wish: None, read_only=False)
    screen.take(wire.Attached(1, "a:b", True, 7, True, 23, 80, 1, 0))
    away = True
    screen.input(list(b"rm"))
    away = False
    screen.take(wire.Attached(1, "a:b", True, 8, True, 23, 80, 1, 0))
    screen.input(list(b"ls"))
    assert b"".join(taken) == b"ls"


def test_scroll_mode_searches_and_copies() -> None:
    screen, sent, wishes = attach()
    shows(screen, b"".join(b"line %d\r\n" % number for number in range(100)))
    screen.input(list(b"\x1d["))
    shows(screen, b"more\r\n")
    assert "SCROLL a:b  at the end" not in bar(screen) and "1 new" in bar(screen)
    assert body(screen)[0] == "line 78"  # the picture stands still
    screen.input(list(b"/LINE 1\r"))
    assert "no earlier match" in bar(screen)  # capitals count
    screen.input(list(b"/line 1\r"))
    assert body(screen)[0] == "line 19"
    screen.input(list(b"n"))
    assert body(screen)[0] == "line 18"
    screen.input(list(b"N"))
    assert "line 19" in body(screen)
    screen.input(list(b"/(\r"))
    assert "/(:" in bar(screen)
    screen.input(list(b"gvkkv"))
    screen.input(list(b"Vkk"))
    assert "3 lines selected, y copies" in bar(screen)
    screen.input(list(b"y"))
    assert screen.copied == "line 20\nline 21\nline 22"
    assert wishes == ["copy"] and sent == b""
    assert "characters copied" in bar(screen)
    screen.input(list(b"\x1dp"))
    assert wishes == ["copy", "paste"]


def test_ctrl_c_on_a_pipe_is_asked_about() -> None:
    screen, sent, wishes = attach(tty=False)
    screen.input(list(b"\x03"))
    assert "d detaches  s sends a signal" in bar(screen)
    screen.input(list(b"y\x03s\x03d"))
    assert sent == b"" and wishes == ["signal", "detach"]


def test_a_selection_begins_at_what_was_found() -> None:
    screen, _, wishes = attach()
    shows(screen, b"".join(b"line %d\r\n" % number for number in range(100)))
    screen.input(list(b"\x1d[/line 5$\rVjy"))
    assert screen.copied == "line 5\nline 6" and wishes == ["copy"]


def test_a_picture_is_held_back_for_a_moment() -> None:
    clock = 1000.0
    screen = AttachScreen(
        Look(UNICODE, lambda: clock), "a:b", lambda data: True, lambda wish: None, read_only=False
    )
    screen.take(wire.Attached(1, "a:b", True, 7, True, 23, 80, 1, 0))
    shows(screen, b"old")
    assert body(screen)[0] == "old"
    shows(screen, b"\x1b[?2026h\x1b[2J\x1b[Hnew")
    assert body(screen)[0] == "old" and screen.holding
    shows(screen, b"\x1b[?2026l")
    assert body(screen)[0] == "new" and not screen.holding
    shows(screen, b"\x1b[?2026h\rnever ended")
    assert body(screen)[0] == "new"
    clock += 0.2
    assert not screen.holding
    assert body(screen)[0] == "never ended"


def test_the_menu_shows_all_keys_a_page_at_a_time() -> None:
    screen, _, _ = attach()
    for cols in (40, 80, 120, 200):
        screen.input(list(b"\x1d"))
        shown = ""
        for _ in range(10):
            shown += render_text(screen, (cols, 24), focus=True)[0]
            screen.input(list(b"?"))
        for words in ("d detach", "w read-only", "Ctrl-] sends one", "z half", "c Ctrl-C: program", "? more"):
            assert words in shown, cols
        screen.input(list(b"\x1b"))


def test_the_next_process_finds_its_terminal_fresh() -> None:
    screen, sent, _ = attach()
    shows(screen, b"first\x1b[?1049h\x1b[?1h\x1b[?1003h\x1b[?25lpicture\x1b[31;4m")
    screen.take(wire.Exited(1, 7, -9))
    assert body(screen)[0] == "     picture"  # it stays to be looked at
    screen.take(wire.Started(1, 8))
    shows(screen, b"second")
    assert body(screen)[:3] == ["first", "-- started again, pid 8 --", "second"]
    assert screen.terminal is not None and screen.cursor(80, 24) is not None
    assert not screen.terminal.row(2).runs[0][1].underline
    screen.input(list(b"\x1b[A"))
    assert sent == b"\x1b[A"


def test_keys_that_were_meant_for_a_program_that_ends_are_no_answers_to_the_bar() -> None:
    now = [1000.0]
    wishes: list[object] = []
    look = replace(LOOKS[0], now=lambda: now[0])
    screen = AttachScreen(look, "a:b", lambda data: True, wishes.append, read_only=False)
    screen.take(wire.Attached(1, "a:b", True, 7, True, 23, 80, 1, 0))
    screen.take(wire.Exited(1, 7, 3))
    now[0] += 0.2
    screen.input(list(b"rm x\r"))
    assert Wish.RESTART not in wishes and Wish.DETACH not in wishes
    assert "exit 3, Enter detaches, r starts it again  (what was typed on went nowhere)" in bar(screen)
    now[0] += 1
    screen.input(list(b"r\r"))
    assert wishes[-2:] == [Wish.RESTART, Wish.DETACH]


def test_ctrl_d_on_a_pipe_says_why_nothing_happens() -> None:
    screen, sent, _ = attach(tty=False)
    screen.input(list(b"\x04"))
    assert sent == b"" and "Ctrl-D sends nothing to a pipe, Ctrl-] d detaches" in bar(screen)


def test_ctrl_c_does_what_was_chosen() -> None:
    screen, sent, wishes = attach()
    screen.input(list(b"\x03"))
    assert sent == b"\x03"
    screen.input(list(b"\x1dc"))
    assert "Ctrl-C: ask" in bar(screen)
    screen.input(list(b"\x1b"))
    screen.input(list(b"\x03"))
    assert sent == b"\x03" and "y sends it to the program" in bar(screen)
    screen.input(list(b"n\x03y"))
    assert sent == b"\x03\x03"
    screen.input(list(b"\x1dcc"))
    assert "Ctrl-C: program" in bar(screen)
    screen.input(list(b"cc\x1b"))
    screen.input(list(b"\x03"))
    assert wishes == ["detach"]


def test_bytes_are_walked_whole() -> None:
    raw = "a\x1b[A\x1b[<0;3;4Mé\x1bx\r\n\x00".encode()
    walked = list(walk(list(raw)))
    assert b"".join(data for _, data, _ in walked) == raw
    assert walked[-1][2] == len(raw)
    assert [key for key, _, _ in walked if isinstance(key, str)] == [
        "a",
        "up",
        "é",
        "meta x",
        "enter",
        "enter",
        "<0>",
    ]


def test_attach_at_every_size() -> None:
    for tty in (True, False):
        screen, _, _ = attach(tty)
        screen.take(wire.Output(1, "stdout", 1, 0, "\x1b[31m検索\x1b[0m plain\r\n".encode() * 50))
        while screen.pump(10):
            pass
        for size in [*SIZES, (1, 1), (3, 2)]:
            assert all(width_of(line) == size[0] for line in render_text(screen, size, focus=True))


def test_what_is_typed_while_looking_back_is_not_the_programs_and_the_bar_says_so() -> None:
    screen, sent, _ = attach()
    shows(screen, b"\x1b[?1004h\x1b[?2004hline\r\n")
    screen.input(list(b"\x1d[x"))
    assert "no command on this key, and the program does not get it" in bar(screen)
    screen.input(list(b"\x1b[200~text\x1b[201~"))
    assert "nothing was pasted: q returns to the program first" in bar(screen)
    assert sent == b""
    screen.input(list(b"\x1b[O\x1b[I"))  # the focus changes, and one looks back all the same
    assert sent == b"\x1b[O\x1b[I" and bar(screen).startswith(" SCROLL")
    screen.input(list(b"qx"))
    assert sent.endswith(b"x")
    screen.input(list(b"\x1dX"))
    assert "nothing on X here, ? lists the keys" in bar(screen)


def test_a_program_that_wants_the_clipboard_asks_once() -> None:
    set_it = b"\x1b]52;c;%s\x07"
    screen, sent, wishes = attach()
    shows(screen, set_it % b"aGVsbG8=")
    assert wishes == [] and "lets it copy" not in bar(screen)  # by default nobody hears it
    screen._look = replace(LOOKS[0], osc52=True)
    screen.take(wire.Attached(1, "a:b", True, 7, True, 23, 80, 1, 99))
    shows(screen, set_it % b"cGFzdA==")
    assert wishes == [] and "lets it copy" not in bar(screen)  # nor what is past
    shows(screen, set_it % b"aGVsbG8bW20KLi4u", 99)
    assert "Ctrl-] y lets it copy, Ctrl-] n never: 'hello [m ...' (12 bytes)" in bar(screen)
    shows(screen, set_it % b"b3RoZXI=", 99)
    screen.input(list(b"y"))
    assert sent == b"y" and Wish.CLIPBOARD not in wishes  # a key of the program's is no answer
    screen.input(list(b"\x1dy"))
    assert (wishes[-1], screen.clipboard) == (Wish.CLIPBOARD, b"hello\x1b[m\n...")
    shows(screen, set_it % b"bW9yZQ==", 99)
    assert (wishes.count(Wish.CLIPBOARD), screen.clipboard) == (2, b"more")
    assert "the program copied 4 bytes" in bar(screen)
    screen, _, wishes = attach()
    screen.terminal = Terminal(23, 80, osc52=True)
    shows(screen, set_it % b"aGVsbG8=")
    screen.input(list(b"\x1dn"))
    shows(screen, set_it % b"aGVsbG8=")
    assert Wish.CLIPBOARD not in wishes and "lets it copy" not in bar(screen)


def test_paste_is_bracketed_only_for_who_asked() -> None:
    screen, sent, _ = attach()
    screen.input(list(b"\x1b[200~one\ntwo\x1b[201~"))
    assert "Paste 2 lines (7 bytes) as if typed?" in bar(screen)
    assert sent == b""
    screen.input(list(b"y"))
    assert sent == b"one\rtwo"
    screen.input(list(b"\x1b[200~three\nfour\x1b[201~dx"))  # no, and an x
    assert sent == b"one\rtwox"
    screen.input(list(b"\x1b[200~a line\n\x1b[201~"))  # one line is nothing to ask about
    assert sent == b"one\rtwoxa line\r"
    sent.clear()
    screen.take(wire.Output(1, "stdout", 1, 0, b"\x1b[?2004h"))
    screen.pump(1)
    screen.input(list(b"\x1b[200~one"))
    screen.input(list(b"\ntwo\x1b[201~"))
    assert sent == b"\x1b[200~one\ntwo\x1b[201~"


def test_read_only_sends_nothing_but_can_leave() -> None:
    screen, sent, wishes = attach(read_only=True)
    screen.input(list(b"rm\r\x1dd"))
    assert sent == b"" and wishes[-1] == "detach"


def test_a_backlog_is_shed_to_what_a_screen_needs() -> None:
    screen, _, _ = attach()
    for number in range(40):
        screen.take(wire.Output(1, "stdout", 1, number * 65536, (b"x" * 127 + b"\n") * 512))
    screen.take(wire.Output(1, "stdout", 1, 40 * 65536, b"the end\r\n"))
    steps = 0
    while screen.pump(1):
        steps += 1
    assert steps <= 64 and screen.skipped > 1 << 20
    assert any("the end" in line for line in render_text(screen, (80, 24)))


def test_a_picture_that_was_left_out_is_asked_for_anew() -> None:
    screen, _, wishes = attach()
    shows(screen, b"\x1b[?1049h\x1b[Hfirst")
    frame = b"\x1b[?25l" + b"".join(b"\x1b[%d;1H%04d" % (row, row) for row in range(2, 24)) * 40
    offset = 0
    for _ in range(3_000_000 // len(frame)):  # nobody looks
        screen.take(wire.Output(1, "stdout", 1, offset, frame))
        offset += len(frame)
        assert len(screen.peer.backlog) <= LIMIT_BYTES + len(frame)
    assert screen.skipped > 1 << 20 and wishes == []
    while screen.pump(10):
        pass
    assert wishes == [Wish.REDRAW]
    assert screen.terminal is not None and screen.terminal.alternate and not screen.terminal.cursor.visible
    assert body(screen)[1:4] == ["0002", "0003", "0004"]


@pytest.mark.parametrize(
    ("mode", "heard"),
    [
        (b"", b""),
        (b"\x1b[?9h\x1b[?1006h", b"\x1b[<0;3;4M"),
        (b"\x1b[?1000h\x1b[?1006h", b"\x1b[<0;3;4M\x1b[<0;3;4m\x1b[<64;3;4M"),
        (b"\x1b[?1002h\x1b[?1006h", b"\x1b[<0;3;4M\x1b[<32;4;4M\x1b[<0;3;4m\x1b[<64;3;4M"),
        (b"\x1b[?1003h\x1b[?1006h", b"\x1b[<0;3;4M\x1b[<32;4;4M\x1b[<0;3;4m\x1b[<35;9;9M\x1b[<64;3;4M"),
        (b"\x1b[?1000h", b"\x1b[M #$\x1b[M##$\x1b[M`#$"),
    ],
)
def test_the_mouse_is_told_as_asked_for(mode: bytes, heard: bytes) -> None:
    screen, sent, _ = attach()
    shows(screen, mode)
    # press, motion with the button down, release, motion without a button, wheel; the bar is the first row
    for event in (b"0;3;5M", b"32;4;5M", b"0;3;5m", b"35;9;10M", b"64;3;5M", b"0;3;1M"):
        screen.input(list(b"\x1b[<" + event))
    assert bytes(sent) == heard


def test_focus_is_told_to_who_asked() -> None:
    screen, sent, _ = attach()
    screen.input(list(b"\x1b[I\x1b[O"))
    assert sent == b""
    shows(screen, b"\x1b[?1004h")
    screen.input(list(b"\x1b[I\x1b[O"))
    assert sent == b"\x1b[I\x1b[O"


def test_keys_behind_the_prefix_are_those_of_the_key_map() -> None:
    look = replace(
        LOOKS[0], prefix=("f12",), after_prefix={**ATTACH, "e": "detach", "d": "", "space": "half"}
    )
    sent = bytearray()
    wishes: list[object] = []

    def send(data: bytes) -> bool:
        sent.extend(data)
        return True

    screen = AttachScreen(look, "a:b", send, wishes.append, read_only=False)
    screen.take(wire.Attached(1, "a:b", True, 7, True, 23, 80, 1, 0))
    f12 = list(b"\x1b[24~")
    for keys in (b"e", b" ", b"\t", b"l", b"b", b":", b"d", b"7"):
        screen.input([*f12, *keys])
    assert wishes == [
        Wish.DETACH, Wish.HALF, Wish.NEXT, Wish.LIST, Wish.LEAVE, Wish.PALETTE, Wish.BEEP, Wish.BEEP,
    ]  # fmt: skip
    screen.input(f12)
    assert bar(screen).startswith(" F12  . detach  [ scroll")
    screen.input(list(b"?"))
    assert "Tab next  l list  b stay attached  z half  : palette" in bar(screen)
    screen.input(list(b"\x1b"))
    screen.input([*f12, *f12])
    assert sent == b"\x1b[24~"


def test_scroll_mode_shows_what_went_by() -> None:
    screen, sent, _ = attach()
    screen.take(wire.Output(1, "stdout", 1, 0, b"".join(b"line %d\r\n" % n for n in range(100))))
    screen.pump(10)
    render_text(screen, (80, 24))
    screen.input(list(b"\x1d[g"))
    text = render_text(screen, (80, 24), strip=True)
    assert text[0].startswith(" SCROLL a:b") and text[1] == "line 0"
    screen.input(list(b"q"))
    assert render_text(screen, (80, 24), strip=True)[0].startswith(" ATTACHED")
    assert sent == b""


def test_no_widget_keeps_a_canvas_of_the_past() -> None:
    """What changed without a key is drawn: nothing on the way is cached by urwid."""
    model = full_model()
    moment = [1000.0]
    look = Look(UNICODE, lambda: moment[0])
    stage = Stage(model, look, overview(model, look)[0])
    before = render_text(stage, (80, 24))
    moment[0] += 61
    assert render_text(stage, (80, 24)) != before


@pytest.mark.parametrize("states", [(S.RUNNING,), (S.RUNNING, S.STARTING, S.BACKOFF, S.STOPPED, S.FATAL)])
def test_the_title_counts_at_every_width(states: tuple[int, ...]) -> None:
    model = Model()
    model.apply(LinkTold("local", LinkKind.LIVE, role="admin"), 1000.0)
    model.apply(SnapshotTold("local", tuple(record("g", f"p{s}", s) for s in states)), 1000.0)
    title = TitleBar(model, LOOKS[0])
    for cols in range(40, 201):
        text = "".join(render_text(title, (cols, 1)))
        assert "1 up" in text or "1up" in text, (cols, text)


def test_what_is_wrong_with_a_running_program_is_said_whole() -> None:
    model = Model()
    model.apply(LinkTold("local", LinkKind.LIVE, role="admin"), 1000.0)
    troubled = record("w", "w", pid=7, start=990.0, trouble="log blocked: ENOSPC")
    model.apply(SnapshotTold("local", (troubled,)), 1000.0)
    for cols in (40, 80, 120, 200):
        view = ListView(model)
        view.refresh(1000.0)
        table = ProcessTable(model, view, LOOKS[0])
        assert "log blocked: ENOSPC" in "".join(render_text(table, (cols, 10))), cols


def test_a_title_that_warns_is_of_one_colour() -> None:
    model = Model(["prod"])
    model.sups["prod"].alert = True
    model.apply(LinkTold("prod", LinkKind.LIVE, role="admin"), 1000.0)
    model.apply(
        SnapshotTold("prod", (ProcessRecord(name="a", group="a", state=S.RUNNING, statename="RUNNING"),)),
        1000.0,
    )
    (row,) = TitleBar(model, LOOKS[0]).paint(100, 1, True)
    assert all(str(role) == "ui.title.alert" or str(role).endswith("@alert") for role, _ in row)


def test_what_a_polled_supervisor_does_not_tell_is_said_so_and_nothing_is_made_up() -> None:
    model = Model(["old"])
    model.apply(LinkTold("old", LinkKind.POLL, identification="supervisor", version="4.3.0"), 1000.0)
    facts = {
        "name": "web",
        "group": "web",
        "state": S.RUNNING,
        "statename": "RUNNING",
        "pid": 7,
        "start": 900,
    }
    model.apply(SnapshotTold("old", (record_of({**facts, "stdout_logfile": "/var/log/web.log"}),)), 1000.0)
    text = "\n".join(render_text(Detail(model, LOOKS[0], Ref("old", "web", "web")), (120, 40), focus=True))
    assert text.count("not offered by this daemon") == 7 and "supervisor 4.3.0" in text
    assert "/var/log/web.log" in text and "pid        7" in text
    assert "autorestart" not in text and "then KILL" not in text
    model.apply(LinkTold("old", LinkKind.LIVE), 1000.0)
    text = "\n".join(render_text(Detail(model, LOOKS[0], Ref("old", "web", "web")), (120, 40), focus=True))
    assert "not offered" not in text and "autorestart" in text


@pytest.mark.parametrize("text", ["x" * 300, "日本語" * 100, "a\u0301b" * 100])
def test_the_cursor_of_a_prompt_stays_in_its_line(text: str) -> None:
    prompt = Prompt("find: ", text, lambda text: "", lambda text: None, [])
    for cols in (10, 20, 80):
        assert row_width(prompt.paint_line(cols)) == cols
        assert prompt.cursor_x(cols) < cols
