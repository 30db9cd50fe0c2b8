"""Builds the console, owns urwid's loop on asyncio, leaves the terminal as it was found.

Drawing: urwid draws after each key; everything else asks for a frame with
``invalidate``, and one timer draws at most 30 times a second, more slowly where drawing
is slow, and not at all while the terminal does not take what was written. When nothing
happens the only thing that wakes up is the clock, once a second.

Whatever goes wrong in a callback or a task ends the loop, gives the terminal back, and is
for ``main`` to tell.

Must never know the daemon's insides.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import urwid
from urwid.display.common import BaseScreen, InputClosedError
from urwid.display.raw import Screen as RawScreen
from urwid.util import get_encoding

from supervisor.errors import EXIT_GENERIC, EXIT_OK, UserError

from . import files
from . import theme as themes
from .canvas import Depth, Painter
from .commandline import COLOURS, Options
from .console import Console
from .glyphs import Glyphs, choose, is_plain_locale
from .keyfile import KeyFile
from .link import Connection, Link
from .logged import Logged
from .model import Model
from .outlet import Outlet
from .outside import outside
from .pane import Look
from .recording import Recorder
from .replay import Clock
from .screens.stage import Stage
from .settings import Settings

FRAME_S: Final = 1 / 30
SLOW_DRAW_S: Final = 0.012
MAX_FRAME_S: Final = 0.2
BLOCKED_S: Final = 0.05
DRAIN_S: Final = 2.0
"""How long a terminal has, at the end, to take what makes it as it was."""
LET_GO_S: Final = 10.0
"""How long the end of the console waits until the servers have what was typed."""
LET_GO_POLL_S: Final = 0.01
FEED_S: Final = 0.008
STAGGER_S: Final = 0.005
"""Between the first attempts at many supervisors, so that their answers do not come all at once."""


class _Loop(urwid.MainLoop):
    """urwid's loop, telling when it draws. ``may_draw`` says whether the terminal takes what is written.

    A key draws at once; where the terminal takes nothing that would hold up all the rest.
    """

    def __init__(
        self,
        stage: Stage,
        screen: BaseScreen,
        console: Console,
        event_loop: urwid.AsyncioEventLoop,
        may_draw: Callable[[], bool],
    ) -> None:
        super().__init__(
            stage,
            screen=screen,
            event_loop=event_loop,
            input_filter=console.filter_input,  # type: ignore[arg-type]
            unhandled_input=self._unhandled,
        )
        self._console = console
        self._may_draw = may_draw

    def _unhandled(self, key: str | tuple[str, int, int, int]) -> bool:
        if isinstance(key, str):
            self._console.key(key)
        return True

    def draw_screen(self) -> None:
        if not self._may_draw():
            return
        self._console.before_draw()
        super().draw_screen()
        self._console.after_draw()


class _Cancellable(Protocol):
    def cancel(self) -> None: ...


class App:
    """One run of the console on ``screen``; ``run`` returns the exit code. ``recorder`` hears all that comes in."""

    def __init__(
        self,
        options: Options,
        screen: BaseScreen,
        environ: dict[str, str] | None = None,
        recorder: Recorder | None = None,
        outlet: Outlet | None = None,
    ) -> None:
        """``outlet``: what ``screen`` writes to, where that is one."""
        self._outlet = outlet
        self._environ = dict(os.environ) if environ is None else environ
        self._options = options
        self._screen = screen
        self._depth = _depth(screen, options.colour)
        self._mono = files.load_theme("mono", self._environ)
        settings, problems = files.load_settings(self._environ)
        self._frame_s = FRAME_S
        self._recorder = recorder
        self._clock = None
        if options.tape is not None:
            self._clock = Clock(options.tape.began or time.time(), options.tape.length_s)
        look = Look(self._glyphs(settings), self.now, Painter(self._depth))
        if recorder is not None:
            look.tape = recorder.words
        self.model = Model([place.name for place in options.places])
        for place in options.places:
            sup = self.model.sups[place.name]
            sup.env, sup.protect, sup.alert = place.env, place.protect, place.alert
            sup.colour, sup.theme = place.colour, place.theme
        keys = self.load_keys(settings.preset)
        theme, theme_problem = self._first_theme(settings)
        read_only = options.read_only or options.tape is not None
        self.console = Console(self, self.model, look, theme=theme.name, read_only=read_only)
        self._use(theme)
        self._problems = [*problems, *keys.problems, *theme_problem]
        self._problems += [f"theme {theme.name}: {warning}" for warning in theme.warnings]
        self._settings, self._keys = settings, keys
        self._tasks: set[asyncio.Task[None]] = set()
        self._frame: asyncio.TimerHandle | None = None
        self._drawn_at = 0.0
        self._interval = FRAME_S
        self._saved_tty: list[object] | None = None

    # --- life ----------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Until the operator quits, the terminal goes, or something breaks (which is raised)."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._over: asyncio.Future[int] = loop.create_future()
        loop.set_exception_handler(self._broken)
        self._main = _Loop(
            self.console.stage, self._screen, self.console, urwid.AsyncioEventLoop(loop=loop), self._may_draw
        )
        if self._outlet is not None:
            self._outlet.loop = loop
        for number, code in ((signal.SIGTERM, EXIT_OK), (signal.SIGHUP, EXIT_GENERIC)):
            loop.add_signal_handler(number, self._end, code)
        loop.add_signal_handler(signal.SIGINT, self.console.interrupt)
        for place in self._options.places if self._clock is None else ():
            link = Link(place.target, self.console.told, self._recorder)
            self.console.links[link.name] = link
        if self._recorder is not None:
            self._recorder.say = self.console.error
        player = None
        if self._options.tape is not None and self._clock is not None:
            player = self.console.replay.play(self._options.tape, self._clock)
        try:
            self._main.start()
            self.console.settings = replace(self.console.settings, preset=self._settings.preset)
            self.console.setup.apply(self._settings)
            self.console.setup.use_keys(self._keys)
            self.console.setup.tell(self._problems)
            for turn, connection in enumerate(self.console.links.values()):
                self.spawn(_run_link(connection, turn * STAGGER_S))
            if player is not None:
                player.begin()
            self._tick()
            with Logged(loop, lambda text: self.console.say(text, "msg.warn")):
                return await self._over
        finally:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                loop.remove_signal_handler(number)
            if player is not None:
                player.close()
            await self._stop()

    def _may_draw(self) -> bool:
        """Whether to draw now; else a frame is drawn when the terminal takes it."""
        if self._writable():
            return True
        self.invalidate()
        return False

    async def _stop(self) -> None:
        await self._let_go()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._frame is not None:
            self._frame.cancel()
        self.raw_keys(False)
        with contextlib.suppress(OSError, termios.error):  # a terminal that is gone needs nothing
            self._main.stop()
            self._drain()
        if self._outlet is not None:
            self._outlet.close()

    async def _let_go(self) -> None:
        """Leave every program; return when the servers have what was typed, or it takes too long."""
        if self._recorder is not None:
            self._recorder.close()  # it ends with what was on the screen
        self.console.leave_all()
        for _ in range(int(LET_GO_S / LET_GO_POLL_S)):
            if not any(link.leaving for link in self.console.links.values()):
                return
            await asyncio.sleep(LET_GO_POLL_S)

    def _drain(self) -> None:
        if self._outlet is not None:
            self._outlet.drain(DRAIN_S)

    def _end(self, code: int) -> None:
        if not self._over.done():
            self._over.set_result(code)

    def _fail(self, error: BaseException) -> None:
        if self._over.done():
            return
        if isinstance(error, InputClosedError) or _hung_up(error):
            self._over.set_result(EXIT_GENERIC)
        else:
            self._over.set_exception(error)

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._fail(error)
        else:
            loop.default_exception_handler(context)

    def _tick(self) -> None:
        """Once a second, on the second: the clock and the ages on the screen go on."""
        self.invalidate()
        self._loop.call_later(1.0 - time.time() % 1.0 + 0.005, self._tick)

    # --- frames --------------------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Draw soon: at once after a quiet time, else when the frame is due."""
        if self._frame is None:
            wait = max(0.0, self._drawn_at + self._interval - self._loop.time())
            self._frame = self._loop.call_later(wait, self._draw)

    def _draw(self) -> None:
        self._frame = None
        if not self._screen.started:
            return
        if not self._writable():
            self._frame = self._loop.call_later(BLOCKED_S, self._draw)
            return
        begin = self._loop.time()
        more = self._feed(begin + FEED_S)
        more = self.console.search_work() or more
        self._main.draw_screen()
        self._drawn_at = self._loop.time()
        cost = self._drawn_at - begin
        self._interval = (
            self._frame_s if cost < SLOW_DRAW_S else max(self._frame_s, min(MAX_FRAME_S, 3 * cost))
        )
        if more:
            self.invalidate()

    def _feed(self, until: float) -> bool:
        """Let the attached program's terminal eat, within the budget; whether more waits."""
        full = self.console.stage.full
        while full is not None and full.pump(1):
            if self._loop.time() >= until:
                return True
        return full is not None and full.holding

    def _writable(self) -> bool:
        if self._outlet is not None:
            return self._outlet.idle
        output = getattr(self._screen, "_term_output_file", None)
        if output is None:
            return True
        return bool(select.select([], [output], [], 0)[1])

    # --- the console's host --------------------------------------------------------------------------

    def now(self) -> float:
        """Wall time; in a replay that of the recording."""
        return time.time() if self._clock is None else self._clock.wall()

    def later(self, delay_s: float, act: Callable[[], None]) -> _Cancellable:
        return self._loop.call_later(delay_s, act)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def quit(self) -> None:
        self._end(EXIT_OK)

    def redraw(self) -> None:
        self._screen.clear()
        self.invalidate()

    def mouse(self, on: bool) -> None:
        self._screen.set_mouse_tracking(on)

    def terminal(self, data: bytes) -> None:
        """Say something to the terminal that moves no cursor."""
        if data and isinstance(self._screen, RawScreen) and self._screen.started:
            self._screen.write(data.decode("ascii"))
            self._screen.flush()

    def outside(self, program: str | None, text: str) -> None:
        """Leave the screen to ``program`` with ``text`` in a file; None prints the text and waits for Enter."""
        self.spawn(self._outside(program, text))

    async def _outside(self, program: str | None, text: str) -> None:
        """The links go on meanwhile; whatever happens, the console's screen comes back."""
        if not self._screen.started or not sys.stdin.isatty():
            return
        self._main.stop()
        self._drain()
        interrupt = signal.SIGINT
        self._loop.remove_signal_handler(interrupt)
        before = signal.signal(interrupt, lambda *_: None)  # not ignored: a program would inherit that
        try:
            if program is None:
                print(f"{text}\n\n-- Enter goes back --", flush=True)
                await _enter(self._loop)
            else:
                problem = await outside(program, text)
                if problem:
                    self.console.error(problem)
        finally:
            signal.signal(interrupt, before)
            if not self._over.done():
                self._loop.add_signal_handler(interrupt, self.console.interrupt)
                self._main.start()
                self.redraw()

    def raw_keys(self, raw: bool) -> None:
        """Let every byte typed arrive as it is (no signals, no CR to NL, no flow control), or as before."""
        fd = self._tty()
        if fd is None:
            return
        with contextlib.suppress(termios.error):
            if raw:
                mode = termios.tcgetattr(fd)
                if self._saved_tty is None:
                    self._saved_tty = list(mode)
                mode = list(mode)
                mode[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON)
                mode[3] &= ~termios.ISIG
                termios.tcsetattr(fd, termios.TCSADRAIN, mode)
            elif self._saved_tty is not None:
                saved, self._saved_tty = self._saved_tty, None
                termios.tcsetattr(fd, termios.TCSADRAIN, saved)  # type: ignore[arg-type]

    def _tty(self) -> int | None:
        if not isinstance(self._screen, RawScreen) or not sys.stdin.isatty():
            return None
        return sys.stdin.fileno()

    # --- themes --------------------------------------------------------------------------------------

    def _first_theme(self, settings: Settings) -> tuple[themes.Theme, list[str]]:
        """The theme to begin with; a saved one that cannot be used is told, one asked for is a UserError."""
        if self._depth == 1:
            return self._mono, []
        if self._options.theme:
            return files.load_theme(self._options.theme, self._environ), []
        try:
            return files.load_theme(settings.theme or files.DEFAULT_THEME, self._environ), []
        except UserError as error:
            return files.load_theme(files.DEFAULT_THEME, self._environ), [str(error)]

    def show_theme(self, name: str) -> None:
        try:
            self._use(files.load_theme(name, self._environ))
        except UserError as error:
            self.console.say(str(error), "msg.warn")

    def _use(self, theme: themes.Theme) -> None:
        entries = themes.palette(theme, self._mono)
        ground = next(entry for entry in entries if entry[0] == "ui.background")
        self._screen.register_palette([(None, *ground[1:]), *entries], replace=True)

    def keep(self, **changes: Any) -> None:
        """Save these settings; those that were changed and not saved stay unsaved."""
        kept, _ = files.load_settings(self._environ)
        try:
            files.save_settings(self._environ, replace(kept, **changes))
        except UserError as error:
            self.console.say(str(error), "msg.warn")

    def theme_names(self) -> list[str]:
        return files.theme_names(self._environ)

    # --- settings and keys ---------------------------------------------------------------------------

    def _glyphs(self, settings: Settings) -> Glyphs:
        wish = "ascii" if self._options.ascii else settings.glyphs
        return choose(wish, get_encoding(), self._environ.get("TERM", ""))

    def use(self, settings: Settings) -> None:
        """What ``settings`` say about the terminal."""
        look = self.console.look
        look.glyphs = self._glyphs(settings)
        look.painter = Painter(1 if settings.ansi == "strip" else self._depth)
        self._frame_s = 1 / settings.frame_rate
        self.mouse(settings.mouse)

    def save_settings(self, settings: Settings) -> Path:
        return files.save_settings(self._environ, settings)

    def load_keys(self, preset: str) -> KeyFile:
        path = files.keys_path(self._environ, self._options.keys)
        return files.load_keys(path, preset, must=bool(self._options.keys))

    def save_key(self, context: str, key: str, command: str) -> KeyFile:
        path = files.keys_path(self._environ, self._options.keys)
        files.save_key(path, context, key, command)
        return self.load_keys(self.console.settings.preset)


async def _enter(loop: asyncio.AbstractEventLoop) -> None:
    """Return when a line was typed."""
    typed: asyncio.Future[None] = loop.create_future()
    fd = sys.stdin.fileno()

    def ready() -> None:
        os.read(fd, 4096)
        if not typed.done():
            typed.set_result(None)

    loop.add_reader(fd, ready)
    try:
        await typed
    finally:
        loop.remove_reader(fd)


async def _run_link(link: Connection, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    await link.run()


def _hung_up(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.EIO, errno.ENXIO, errno.EPIPE)


def _depth(screen: BaseScreen, wish: str) -> Depth:
    """The number of colours to use, told to ``screen`` as well."""
    if isinstance(screen, RawScreen) and wish in COLOURS:
        screen.set_terminal_properties(colors=COLOURS[wish])  # type: ignore[arg-type]
    colours = getattr(screen, "colors", 256)
    return 1 if colours == 1 else 16 if colours == 16 else 16777216 if colours == 2**24 else 256


def run(options: Options) -> int:
    """The console on this terminal; its exit code."""
    if is_plain_locale(os.environ):
        urwid.set_encoding("ascii")
    recorder = None
    if options.record:
        recorder = Recorder(options.record, [place.name for place in options.places], os.get_terminal_size())
    try:
        outlet = Outlet(sys.stdout.fileno(), sys.stdout.encoding)
        screen = RawScreen(output=outlet)
        return asyncio.run(App(options, screen, recorder=recorder, outlet=outlet).run())
    finally:
        if recorder is not None:
            recorder.close()
