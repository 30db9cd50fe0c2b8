"""Real screens of the console as SVG and text, for the documents: ``python -m docs.make_pictures [FOLDER]``.

Runs the console on a pseudo terminal against the scripted server of the tests, reads the
screen through our own emulator and writes every cell as it is, colours and all. Run it
from the root of the checkout.
"""

from __future__ import annotations

import sys
import tempfile
from html import escape
from pathlib import Path

from pyte.graphics import FG_BG_256

from supervisor.states import ProcessStates
from supervisor.tui.terminal import Attrs, Colour, Terminal
from supervisor.tui.terminal.width import text_width
from tests.tui.fakes import FakeServer, FakeThread, example
from tests.tui.ptyapp import PtyApp

CELL_WIDTH = 8.4
CELL_HEIGHT = 18
BASELINE = 13.5
FOREGROUND, BACKGROUND = "#d8dee9", "#16181d"
MARGIN = 10
BASIC = (
    "#2b303b", "#ff7b85", "#8fd694", "#f0c674", "#7fb4ff", "#c9a0dc", "#7fd1d8", "#d8dee9",
    "#64708a", "#ff9da5", "#b0e6b4", "#ffdf9e", "#a6ccff", "#dfc1ee", "#a8e4e9", "#ffffff",
)  # fmt: skip
"""What a terminal of today makes of the first 16 colours."""


def svg(terminal: Terminal) -> str:
    """The screen as an SVG document, one text element a run."""
    width = terminal.cols * CELL_WIDTH + 2 * MARGIN
    height = terminal.rows * CELL_HEIGHT + 2 * MARGIN
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    font = 'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        f'<rect width="{width:g}" height="{height:g}" rx="6" fill="{BACKGROUND}"/>',
    ]
    for y, line in enumerate(terminal.lines()):
        x = 0
        for text, attrs in line.runs:
            cells = text_width(text)
            parts.extend(_run(text, attrs, MARGIN + x * CELL_WIDTH, MARGIN + y * CELL_HEIGHT, cells))
            x += cells
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _run(text: str, attrs: Attrs, x: float, y: float, cells: int) -> list[str]:
    fg, bg = _rgb(attrs.fg, FOREGROUND), _rgb(attrs.bg, BACKGROUND)
    if attrs.reverse:
        fg, bg = bg, fg
    width = cells * CELL_WIDTH
    parts = []
    if bg != BACKGROUND:
        # a little wider, so that no hairline shows between neighbours
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width + 0.3:.1f}" height="{CELL_HEIGHT + 0.3}" fill="{bg}"/>'
        )
    if text.strip() or attrs.underline:
        style = "".join(
            [
                ' font-weight="bold"' if attrs.bold else "",
                ' font-style="italic"' if attrs.italic else "",
                ' text-decoration="underline"' if attrs.underline else "",
                ' opacity="0.7"' if attrs.dim else "",
            ]
        )
        parts.append(
            f'<text x="{x:.1f}" y="{y + BASELINE}" textLength="{width:.1f}" fill="{fg}"{style} '
            f'xml:space="preserve">{escape(text)}</text>'
        )
    return parts


def _rgb(colour: Colour, default: str) -> str:
    if colour is None:
        return default
    if isinstance(colour, int):
        return BASIC[colour] if colour < 16 else f"#{FG_BG_256[colour]}"
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _stir(server: FakeServer) -> None:
    """A little of what a day brings, for the timeline."""
    states = ProcessStates
    server.change("etl:extract", states.STARTING, pid=5100, exitstatus=None)
    server.change("etl:extract", states.RUNNING)
    server.change("etl:extract", states.EXITED, pid=0, exitstatus=0, expected=True)
    server.change("api:worker_01", states.STARTING)
    server.change("api:worker_01", states.RUNNING)
    server.change("etl:load", states.BACKOFF, tries=3, spawnerr="exited too quickly")
    server.change("etl:load", states.FATAL, tries=4)


_SESSION = (
    b"from app import jobs\r\n>>> for job in jobs.tail(3): print(job)\r\n... \r\n"
    b'Job(91c, state="\x1b[31mretry\x1b[0m", tries=2)\r\nJob(91d, state="\x1b[32mdone\x1b[0m", tries=1)\r\n'
    b'Job(91e, state="\x1b[32mdone\x1b[0m", tries=1)\r\n>>> '
)


def take(folder: Path) -> None:
    """Write overview, narrow overview, confirmation, attach and fleet into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as temporary:
        home = Path(temporary)
        server = FakeThread(str(home / "s.stream"))
        try:
            server.do(example)
            arguments = ["-s", f"unix://{home}/s"]
            with PtyApp(arguments, home, cols=120, rows=36) as console:
                console.see("web_00", "page=59")
                server.do(_stir)
                console.keys("j", "j")
                console.see("api:worker_00  stdout", "exit requested", "88M", "FATAL")
                _save(console, folder / "overview")
            with PtyApp(arguments, home) as console:
                console.see("web_00", "page=59", "88M")
                _save(console, folder / "overview-80x24")
                console.keys("R")
                console.see("Restart group api")
                _save(console, folder / "confirm")
                console.keys("esc")
                console.miss("Restart group api")
                console.keys("G", "a")
                server.do(lambda server: server.write("shell:console", _SESSION))
                console.see("ATTACHED", "91e")
                _save(console, folder / "attach")
        finally:
            server.close()
        _take_fleet(home, folder)


def _take_fleet(home: Path, folder: Path) -> None:
    servers: list[FakeThread] = []
    tables: list[str] = []
    try:
        for name, env in (("web-1", "prod"), ("web-2", "prod"), ("db-1", "prod"), ("stg-1", "staging")):
            servers.append(FakeThread(str(home / f"{name}.stream")))
            servers[-1].do(example)
            guard = 'protect = "type-name"\n' if env == "prod" else ""
            tables.append(f'[fleet.{name}]\nurl = "unix://{home}/{name}"\nenv = "{env}"\n{guard}')
        tables.append(f'[fleet.stg-2]\nurl = "unix://{home}/stg-2"\nenv = "staging"\n')
        for server in servers[:2]:
            server.do(lambda server: server.change("api:worker_00", ProcessStates.STARTING))
            server.do(lambda server: server.change("api:worker_00", ProcessStates.RUNNING, pid=6120))
        file = home / "fleet.toml"
        file.write_text("\n".join(tables), encoding="utf-8")
        with PtyApp(["--fleet", str(file)], home, cols=120, rows=36) as console:
            console.see("FLEET 5 supervisors", "away", "Needs attention 6", " ms")
            _save(console, folder / "fleet")
    finally:
        for server in servers:
            server.close()


def _save(console: PtyApp, path: Path) -> None:
    console.settle()
    path.with_suffix(".svg").write_text(svg(console.terminal), encoding="utf-8")
    path.with_suffix(".txt").write_text(console.text() + "\n", encoding="utf-8")
    print(f"wrote {path}.svg and .txt")


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
