"""How fast and how small the terminal emulator is, next to stock pyte.

``python -m tests.benchmarks.emulator`` prints the table; takes some 15 s. Stock
pyte is guarded: where it raises the rest of that piece is lost to it.
"""

from __future__ import annotations

import contextlib
import gc
import random
import time
import tracemalloc
from collections.abc import Callable

import pyte

from supervisor.tui.logtext import parse
from supervisor.tui.terminal import Scrollback, Terminal

SIZES = ((24, 80), (60, 200))
PIECE_BYTES = 16 * 1024
SECONDS_EACH = 0.45
WORDS = [
    "request",
    "handled",
    "queue",
    "worker",
    "timeout",
    "connection",
    "upstream",
    "cache",
    "retry",
    "user",
    "session",
    "build",
    "ok",
]


def plain_log(size: int) -> bytes:
    """Time stamps and words, 40 to 110 characters a line."""
    rng = random.Random(1)
    out = []
    for n in range(size // 75):
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 11)))
        out.append(
            f"2026-03-01 12:{n // 60 % 60:02}:{n % 60:02},{n % 1000:03} INFO app.{n % 7} {words} id={n}\r\n"
        )
    return "".join(out).encode()


def colour_log(size: int) -> bytes:
    """Five coloured parts a line, as logging libraries write them."""
    rng = random.Random(2)
    levels = (("32", "INFO"), ("33", "WARNING"), ("1;31", "ERROR"), ("36", "DEBUG"))
    out = []
    for n in range(size // 110):
        colour, level = rng.choice(levels)
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 8)))
        out.append(
            f"\x1b[2m12:{n // 60 % 60:02}:{n % 60:02}\x1b[0m [\x1b[{colour}m{level:8}\x1b[0m] "
            f"\x1b[1mapp.{n % 7}\x1b[0m {words} \x1b[36mid\x1b[0m=\x1b[35m{n}\x1b[0m\r\n"
        )
    return "".join(out).encode()


def redraws(size: int, rows: int, cols: int) -> bytes:
    """A full-screen program that paints every row: position, colours, text, erase to the end."""
    rng = random.Random(3)
    out: list[str] = []
    length = 0
    while length < size:
        for y in range(1, rows + 1):
            line = f"\x1b[{y};1H\x1b[7m{y:4} \x1b[27m\x1b[38;5;{rng.randint(16, 231)}m"
            while len(line) < cols * 3 // 4:
                line += rng.choice(WORDS) + f"\x1b[3{rng.randint(1, 7)}m "
            out.append(line + "\x1b[m\x1b[K")
            length += len(out[-1])
    return "".join(out).encode()


def unicode_log(size: int) -> bytes:
    """Latin with accents, box drawing, CJK and emoji."""
    rng = random.Random(4)
    words = [*WORDS, "größe", "naïve", "żółć", "日本語", "端末", "─────", "│", "✓", "🚀", "Привет"]
    out = []
    for n in range(size // 90):
        out.append(f"{n:6} {' '.join(rng.choice(words) for _ in range(10))}\r\n")
    return "".join(out).encode()


def _pieces(data: bytes) -> list[bytes]:
    return [data[i : i + PIECE_BYTES] for i in range(0, len(data), PIECE_BYTES)]


def _mb_per_second(feed: Callable[[bytes], None], data: bytes) -> float:
    pieces = _pieces(data)
    gc.collect()
    done = 0
    start = time.perf_counter()
    while True:
        for piece in pieces:
            feed(piece)
            done += len(piece)
            elapsed = time.perf_counter() - start
            if elapsed > SECONDS_EACH:
                return done / elapsed / 1e6


def _stock(rows: int, cols: int) -> Callable[[bytes], None]:
    stream = pyte.ByteStream(pyte.Screen(cols, rows))

    def feed(data: bytes) -> None:
        with contextlib.suppress(TypeError):
            stream.feed(data)

    return feed


def speed() -> list[tuple[str, float, str]]:
    """For each input and size ours and stock pyte in MB/s, and the ratio."""
    out: list[tuple[str, float, str]] = []
    for rows, cols in SIZES:
        inputs = {
            "plain log": plain_log(400_000),
            "colour log": colour_log(400_000),
            "redraws": redraws(400_000, rows, cols),
            "unicode log": unicode_log(400_000),
        }
        for name, data in inputs.items():
            ours = _mb_per_second(Terminal(rows, cols).feed, data)
            stock = _mb_per_second(_stock(rows, cols), data)
            label = f"{name} {cols}x{rows}"
            out += [(label, ours, "MB/s"), (f"{label}, stock pyte", stock, "MB/s")]
            out.append((f"{label}, ratio", ours / stock, "times"))
    return out


def log_panes() -> list[tuple[str, float, str]]:
    """Log lines to runs, without an emulator."""

    def feed(data: bytes) -> None:
        for line in data.split(b"\r\n"):
            parse(line)

    inputs = {"plain": plain_log(400_000), "colour": colour_log(400_000)}
    return [(f"log pane, {name}", _mb_per_second(feed, data), "MB/s") for name, data in inputs.items()]


def memory() -> list[tuple[str, float, str]]:
    """Bytes for each line of the scrollback, 80 columns."""
    out: list[tuple[str, float, str]] = []
    for name, data in (("plain", plain_log(500_000)), ("colour", colour_log(500_000))):
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        terminal = Terminal(24, 80, Scrollback(lines=20_000))
        terminal.feed(data)
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        out.append((f"kept line, {name}", used / terminal.history_len, "bytes"))
        out.append(
            (f"kept line, {name}, as accounted", terminal.history_bytes / terminal.history_len, "bytes")
        )
    return out


def run() -> list[tuple[str, float, str]]:
    """All measurements as (what, value, unit)."""
    return [*speed(), *log_panes(), *memory()]


def main() -> None:
    """Print the table."""
    print(f"{'MB/s':24}{'ours':>8}{'pyte':>8}{'ratio':>8}")
    figures = speed()
    for ours, stock, ratio in zip(figures[::3], figures[1::3], figures[2::3], strict=True):
        print(f"{ours[0]:24}{ours[1]:8.2f}{stock[1]:8.2f}{ratio[1]:8.1f}")
    for name, value, unit in (*log_panes(), *memory()):
        print(f"{name:40}{value:10.1f} {unit}")


if __name__ == "__main__":
    main()
