"""Theme files to palettes, at every number of colours."""

from __future__ import annotations

import importlib.resources

import pytest
import urwid
from urwid.testing import ScriptedScreen

from supervisor.errors import UserError
from supervisor.tui import theme as themes
from supervisor.tui.theme import MIN_CONTRAST, Colour, contrast, load, lowest_contrast, nearest16, palette

NAMES = ("dusk", "paper", "okabe", "mono", "contrast", "ansi16", "moss")
FOLDER = importlib.resources.files("supervisor") / "themes"


def read(name: str) -> str:
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_theme_loads_without_a_warning_and_registers(name: str) -> None:
    theme = load(name, read)
    assert theme.warnings == ()
    screen = ScriptedScreen()
    screen.register_palette(palette(theme, load("mono", read)))
    for colours in range(5):
        assert screen.resolve_attr("state.fatal", colours) is not None


@pytest.mark.parametrize("name", NAMES)
def test_every_theme_has_every_role_of_base(name: str) -> None:
    assert set(load("base", read).styles) <= set(load(name, read).styles)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("mono", "ansi16")])
def test_text_can_be_read(name: str) -> None:
    worst, role = lowest_contrast(load(name, read))
    assert worst >= MIN_CONTRAST, role


@pytest.mark.parametrize("name", NAMES)
def test_text_and_background_differ_with_16_colours(name: str) -> None:
    for entry in palette(load(name, read), load("mono", read)):
        if entry[0].endswith((".thumb", ".scrollbar")) or "border" in entry[0]:
            continue
        assert entry[1].partition(",")[0] != entry[2] or entry[2] == "default", entry


@pytest.mark.parametrize("name", NAMES)
def test_text_can_be_read_on_every_place_with_16_colours(name: str) -> None:
    for role, low_fg, low_bg, *_ in palette(load(name, read), load("mono", read)):
        fg, bg = (themes._ANSI_RGB.get(text.partition(",")[0]) for text in (low_fg, low_bg))
        if "scrollbar" in role or "border" in role:
            continue
        if fg is not None and bg is not None:
            assert contrast(fg, bg) >= themes.MIN_LOW_CONTRAST, (role, low_fg, low_bg)
            if ",bold" in low_fg:  # many terminals make it the light colour
                colour = low_fg.partition(",")[0]
                assert colour != "black", (role, low_fg, low_bg)
                light = themes._ANSI_RGB[themes._LIGHTER.get(colour, colour)]
                assert contrast(light, bg) >= themes.MIN_LOW_CONTRAST, (role, low_fg, low_bg)
        if "@" in role and "reverse" not in low_fg and "standout" not in low_fg:
            assert low_bg == "default" or not low_fg.startswith("default"), (role, low_fg, low_bg)


def test_a_block_of_colour_is_the_same_wherever_it_stands() -> None:
    for name in ("dusk", "paper", "ansi16"):
        entries = {entry[0]: entry for entry in palette(load(name, read), load("mono", read))}
        for place in themes.PLACES:
            placed = entries[f"state.fatal@{place}"]
            assert (placed[4].partition(",")[0], placed[5]) == (
                entries["state.fatal"][4].partition(",")[0],
                entries["state.fatal"][5],
            )


def test_state_colour_stays_on_the_cursor_row_where_it_can_be_read() -> None:
    theme = load("dusk", read)
    entries = {entry[0]: entry for entry in palette(theme, load("mono", read))}
    assert entries["state.running@cursor"][4].startswith("#8fd694")
    assert entries["state.running@cursor"][5] == entries["row.cursor"][5]
    paper = {entry[0]: entry for entry in palette(load("paper", read), load("mono", read))}
    assert paper["state.running@cursor"][4].startswith("#ffffff"), "dark green on blue cannot be read"


def test_without_colours_the_cursor_and_trouble_still_stand_out() -> None:
    mono = load("mono", read)
    entries = {entry[0]: entry for entry in palette(load("dusk", read), mono)}
    assert "standout" in entries["row.cursor"][3]
    assert "bold" in entries["state.fatal"][3]
    assert entries["state.running"][3] == "default"


def test_an_own_theme_gives_a_palette_and_overrides_a_role() -> None:
    texts = {
        "mine": '[theme]\nname = "mine"\ninherits = "dusk"\n[palette]\nok = "#00ff00"\n'
        'warn = { rgb = "#ffaa00", c16 = "yellow" }\n[roles]\n"row.group" = "ok on bg underline"\n'
    }
    theme = load("mine", lambda name: texts[name] if name in texts else read(name))
    assert theme.warnings == ()
    assert theme.styles["state.running"].fg.rgb == (0, 255, 0)
    assert theme.styles["row.group"].flags == {"underline"}
    assert theme.styles["state.backoff"].fg.low(background=False) == "yellow"
    assert theme.appearance == "dark"


def test_what_cannot_be_used_is_a_warning() -> None:
    texts = {
        "odd": '[theme]\ninherits = "dusk"\n[palette]\nok = "greenish"\n[roles]\nx = "a b c d e"\ny = "nix on bg"\n'
    }
    theme = load("odd", lambda name: texts[name] if name in texts else read(name))
    assert any("greenish" in warning for warning in theme.warnings)
    assert any("role x" in warning for warning in theme.warnings)
    assert any("nix" in warning for warning in theme.warnings)


def test_a_palette_with_nothing_in_it_is_told_in_one_line() -> None:
    own = '[roles]\n"state.fatal" = "pink on bg"\n'
    theme = load("mine", lambda name: own if name == "mine" else read(name))
    first, second, third = theme.warnings
    assert (first, second) == ("role state.fatal: no colour 'pink'", "role state.fatal: no colour 'bg'")
    assert third.startswith("palette: colours are missing: fg, bg, ") and third.endswith(" more")


def test_broken_files_and_endless_inheritance_are_user_errors() -> None:
    with pytest.raises(UserError, match="theme bad"):
        load("bad", lambda name: "[theme\n")
    with pytest.raises(UserError, match="inherits"):
        load("a", lambda name: f'[theme]\ninherits = "{name}x"\n')


@pytest.mark.parametrize(
    ("rgb", "background", "name"),
    [
        ((0, 0, 0), False, "black"),
        ((255, 255, 255), False, "white"),
        ((128, 128, 128), True, "light gray"),
        ((255, 80, 80), False, "light red"),
        ((160, 20, 20), False, "dark red"),
        ((255, 80, 80), True, "dark red"),
        ((20, 40, 90), True, "dark blue"),
        ((240, 198, 116), False, "yellow"),
    ],
)
def test_nearest_of_16(rgb: tuple[int, int, int], background: bool, name: str) -> None:
    assert nearest16(rgb, background=background) == name
    urwid.AttrSpec("default", name, 16) if background else urwid.AttrSpec(name, "default", 16)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


def test_the_terminals_own_colours() -> None:
    assert Colour().high == "default"
    assert Colour(None, "light red").low(background=True) == "dark red"
    assert themes.DEFAULT.low(background=True) == "default"
