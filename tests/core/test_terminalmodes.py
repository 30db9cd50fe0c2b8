"""Which modes a program left switched, whatever way its output is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.terminalmodes import ModeTracker

VIM = b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[1;23r\x1b[?25l\x1b[?12;25h text \x1b[?25l"


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (b"plain", b""),
        (VIM, b"\x1b[?2004h\x1b[?1049h\x1b[?25l\x1b[?1h\x1b=\x1b[1;23r"),
        (VIM + b"\x1b[?1049l\x1b[?1l\x1b>\x1b[?2004l\x1b[r\x1b[?25h", b""),
        (VIM + b"\x1bc", b""),
        (b"\x1b[?1002;1006h", b"\x1b[?1006h\x1b[?1002h"),
        (b"\x1b[?99999999h\x1b[?7l", b"\x1b[?7l"),
    ],
)
def test_modes_before_the_picture(output: bytes, wanted: bytes) -> None:
    tracker = ModeTracker()
    tracker.feed(output)
    assert tracker.establish() == wanted
    again = ModeTracker()
    again.feed(tracker.establish())
    assert again.establish() == wanted


@given(st.lists(st.integers(0, len(VIM)), max_size=6))
def test_any_cut_of_the_output_is_the_same(cuts: list[int]) -> None:
    whole = ModeTracker()
    whole.feed(VIM)
    tracker = ModeTracker()
    places = [0, *sorted(cuts), len(VIM)]
    for start, end in itertools.pairwise(places):
        tracker.feed(VIM[start:end])
    assert tracker.establish() == whole.establish()
