"""**Pure**: a theme file to palette entries, for every number of colours; must never know screens.

A theme gives names to colours (``[palette]``) and styles to roles (``[roles]``); it
inherits from another theme, ``base`` in the end. A style is ``[fg [on bg]] [bold] [dim]
[italic] [underline] [reverse] [blink]``. Besides each role there are entries
``ROLE@PLACE`` for what is shown on the cursor's row, in the title bar or in a dialog:
the role's text colour on the place's background, replaced where it could not be read.
"""

from __future__ import annotations

import colorsys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from supervisor.errors import UserError

MAX_INHERITS: Final = 4
MAX_NAMED: Final = 5
MIN_CONTRAST: Final = 4.5
MIN_PLACED_CONTRAST: Final = 3.0
MIN_LOW_CONTRAST: Final = 2.0
"""With 16 colours, whose shades are the terminal's to choose."""

FLAGS: Final = ("bold", "dim", "italic", "underline", "reverse", "blink")
_URWID_FLAGS: Final = {
    "bold": "bold",
    "dim": "faint",
    "italic": "italics",
    "underline": "underline",
    "reverse": "standout",
    "blink": "blink",
}
PLACES: Final = {
    "cursor": "row.cursor",
    "blur": "row.cursor.blur",
    "title": "ui.title",
    "alert": "ui.title.alert",
    "panel": "dialog.body",
}
_PLACED: Final = ("state.", "row.", "ui.text.", "meter.", "msg.")

PaletteEntry = tuple[str, str, str, str, str, str]
"""Name, 16-colour text and background, flags without colour, text and background with many colours."""

_ANSI_RGB: Final = {
    "black": (0, 0, 0), "dark red": (170, 0, 0), "dark green": (0, 170, 0), "brown": (170, 85, 0),
    "dark blue": (0, 0, 170), "dark magenta": (170, 0, 170), "dark cyan": (0, 170, 170),
    "light gray": (170, 170, 170), "dark gray": (85, 85, 85), "light red": (255, 85, 85),
    "light green": (85, 255, 85), "yellow": (255, 255, 85), "light blue": (85, 85, 255),
    "light magenta": (255, 85, 255), "light cyan": (85, 255, 255), "white": (255, 255, 255),
}  # fmt: skip
_DARK_NAMES: Final = frozenset(list(_ANSI_RGB)[:8])
_HUES: Final = (  # upper end of the hue in degrees, dark name, light name
    (20, "dark red", "light red"), (70, "brown", "yellow"), (165, "dark green", "light green"),
    (200, "dark cyan", "light cyan"), (265, "dark blue", "light blue"), (335, "dark magenta", "light magenta"),
    (361, "dark red", "light red"),
)  # fmt: skip

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Colour:
    """``rgb`` None: the terminal's own. ``c16`` is urwid's name of the nearest of 16, if fixed by the file."""

    rgb: Rgb | None = None
    c16: str = ""

    @property
    def high(self) -> str:
        if self.rgb is None:
            return self.c16 or "default"
        return "#{:02x}{:02x}{:02x}".format(*self.rgb)

    def low(self, *, background: bool) -> str:
        if self.c16:
            return _DARKER.get(self.c16, self.c16) if background else self.c16
        return "default" if self.rgb is None else nearest16(self.rgb, background=background)


_DARKER: Final = {
    "dark gray": "black", "light red": "dark red", "light green": "dark green", "yellow": "brown",
    "light blue": "dark blue", "light magenta": "dark magenta", "light cyan": "dark cyan", "white": "light gray",
}  # fmt: skip
_LIGHTER: Final = {dark: light for light, dark in _DARKER.items()}
DEFAULT: Final = Colour()


@dataclass(frozen=True, slots=True)
class Style:
    fg: Colour = DEFAULT
    bg: Colour = DEFAULT
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Theme:
    """``warnings``: what in the file could not be used, for people."""

    name: str
    appearance: str
    styles: Mapping[str, Style]
    warnings: tuple[str, ...] = ()


def load(name: str, read: Callable[[str], str]) -> Theme:
    """The theme called ``name``; ``read`` gives a theme's TOML by name, or raises UserError."""
    roles: dict[str, str] = {}
    colours: dict[str, Colour] = {}
    warnings: list[str] = []
    appearance, mono = "", False
    chain: list[Mapping[str, object]] = []
    wanted = name
    while wanted:
        if len(chain) > MAX_INHERITS:
            raise UserError(f"theme {name}: inherits more than {MAX_INHERITS} levels deep")
        data = _parse(wanted, read(wanted))
        chain.append(data)
        head = _section(data, "theme")
        parent = str(head.get("inherits", "" if wanted == "base" else "base"))
        wanted = "" if parent == wanted else parent
    for data in reversed(chain):
        head = _section(data, "theme")
        appearance = str(head.get("appearance", appearance))
        mono = bool(head.get("mono", mono))
        for key, value in _section(data, "palette").items():
            colours[key] = _colour(key, value, warnings)
        for role, text in _section(data, "roles").items():
            roles[role] = str(text)
    own = _section(chain[0], "roles")
    missing: dict[str, None] = {}
    styles = {}
    for role, text in roles.items():
        style, lacks = _style(role, text, colours, warnings, mono=mono)
        styles[role] = style
        warnings += [f"role {role}: no colour {name!r}" for name in lacks if role in own]
        missing.update(dict.fromkeys(() if role in own else lacks))
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        warnings.append(f"palette: colours are missing: {', '.join([*missing][:MAX_NAMED])}{more}")
    return Theme(name, appearance or "any", styles, tuple(warnings))


def _parse(name: str, text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"theme {name}: {error}") from error


def _section(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    section = data.get(name, {})
    return section if isinstance(section, dict) else {}


def _colour(key: str, value: object, warnings: list[str]) -> Colour:
    if isinstance(value, dict):
        rgb = _hex(str(value.get("rgb", "")))
        c16 = str(value.get("c16", ""))
        if rgb is not None and (not c16 or c16 in _ANSI_RGB):
            return Colour(rgb, c16)
    elif isinstance(value, str):
        if value == "default":
            return DEFAULT
        if value.startswith("ansi:") and value[5:] in _ANSI_RGB:
            return Colour(None, value[5:])
        rgb = _hex(value)
        if rgb is not None:
            return Colour(rgb)
    warnings.append(f"colour {key}: cannot use {value!r}")
    return DEFAULT


def _hex(text: str) -> Rgb | None:
    if len(text) != 7 or text[0] != "#":
        return None
    try:
        number = int(text[1:], 16)
    except ValueError:
        return None
    return number >> 16, number >> 8 & 255, number & 255


def _style(
    role: str, text: str, colours: Mapping[str, Colour], warnings: list[str], *, mono: bool
) -> tuple[Style, list[str]]:
    """The style, and the names of colours in it that there are not."""
    words = text.split()
    flags = frozenset(word for word in words if word in FLAGS)
    names = [word for word in words if word not in FLAGS]
    fg_name = names[0] if names else ""
    bg_name = names[2] if len(names) == 3 and names[1] == "on" else ""
    if len(names) not in (0, 1, 3) or (len(names) == 3 and not bg_name):
        warnings.append(f"role {role}: cannot understand {text!r}")
    lacks = [name for name in (fg_name, bg_name) if name and name not in colours and not mono]
    fg, bg = (DEFAULT if mono else colours.get(name, DEFAULT) for name in (fg_name, bg_name))
    return Style(fg, bg, flags), lacks


# --- colours -----------------------------------------------------------------------------------------


def nearest16(rgb: Rgb, *, background: bool) -> str:
    """urwid's name of the colour of 16 that is like ``rgb`` in hue and lightness; one of 8 for backgrounds."""
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in rgb))
    # the saturation of HLS is large for near-black and near-white; chroma is what the eye sees
    chroma = (max(rgb) - min(rgb)) / 255
    if chroma < 0.12 or saturation < 0.15:
        if background:
            return "black" if light < 0.5 else "light gray"
        return ("black", "dark gray", "light gray", "white")[(light > 0.2) + (light > 0.5) + (light > 0.8)]
    for end, dark, bright in _HUES:
        if hue * 360 < end:
            return dark if background or light < 0.5 else bright
    return "light gray"


def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG contrast of two colours, 1 to 21."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(rgb: Rgb) -> float:
    parts = [part / 255 for part in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrasts(theme: Theme) -> list[tuple[float, str]]:
    """(contrast, role) of text where it is known; borders and gutters are left out."""
    return [
        (contrast(style.fg.rgb, style.bg.rgb), role)
        for role, style in theme.styles.items()
        if style.fg.rgb is not None
        and style.bg.rgb is not None
        and "border" not in role
        and "scrollbar" not in role
        and role not in ("log.gutter", "meter.empty")
    ]


def lowest_contrast(theme: Theme) -> tuple[float, str]:
    """The contrast and the role that is hardest to read; 21 where unknown."""
    return min(_contrasts(theme), default=(21.0, ""))


def hard_to_read(theme: Theme) -> list[tuple[str, float]]:
    """(role, contrast) of all text below the least that is wanted."""
    return [(role, ratio) for ratio, role in sorted(_contrasts(theme)) if ratio < MIN_CONTRAST]


# --- for the screen ----------------------------------------------------------------------------------


def palette(theme: Theme, mono: Theme) -> list[PaletteEntry]:
    """Entries for every role and every role on a place; ``mono`` says what is shown without colours."""
    entries = [_entry(role, style, mono.styles.get(role, style)) for role, style in theme.styles.items()]
    for place, place_role in PLACES.items():
        under = theme.styles.get(place_role, Style())
        mono_under = mono.styles.get(place_role, Style())
        for role, style in theme.styles.items():
            if role.startswith(_PLACED):
                mono_style = mono.styles.get(role, style)
                both = Style(flags=mono_style.flags | mono_under.flags)
                entries.append(_entry(f"{role}@{place}", _placed(style, under), both))
    return entries


def _placed(style: Style, under: Style) -> Style:
    if "reverse" in style.flags:  # a block of its own colour, wherever it stands
        return Style(style.fg, style.bg, style.flags | under.flags)
    fg = style.fg
    if fg == DEFAULT and under.bg != DEFAULT:
        fg = under.fg  # nobody knows whether the terminal's own text can be read there
    elif _hard_to_read(fg, under.bg):
        fg = under.fg
    return Style(fg, under.bg, style.flags | under.flags)


def _hard_to_read(fg: Colour, bg: Colour) -> bool:
    one, other = _seen(fg), _seen(bg)
    return one is not None and other is not None and contrast(one, other) < MIN_PLACED_CONTRAST


def _seen(colour: Colour) -> Rgb | None:
    """What a colour is likely to look like; None: only the terminal knows."""
    return colour.rgb or _ANSI_RGB.get(colour.c16)


def _entry(name: str, style: Style, mono: Style) -> PaletteEntry:
    flags = [_URWID_FLAGS[flag] for flag in FLAGS if flag in style.flags]
    fg16, bg16 = style.fg.low(background=False), style.bg.low(background=True)
    one, other = _ANSI_RGB.get(fg16), _ANSI_RGB.get(bg16)
    if one is not None and other is not None and contrast(one, other) < MIN_LOW_CONTRAST:
        fg16 = "white" if bg16 in ("black", "dark blue", "dark red", "dark magenta") else "black"
    low_flags = [flag for flag in flags if flag != "bold" or _may_be_bold(fg16, bg16)]
    mono_flags = ",".join(_URWID_FLAGS[flag] for flag in FLAGS if flag in mono.flags)
    return (
        name,
        ",".join([fg16, *low_flags]),
        bg16,
        mono_flags or "default",
        ",".join([style.fg.high, *flags]),
        style.bg.high,
    )


def _may_be_bold(fg16: str, bg16: str) -> bool:
    """Whether the text can be read where bold makes a dark colour its light one, as xterm and the Linux console do."""
    if fg16 == "black":
        return False  # its light one is a grey
    light, ground = _ANSI_RGB.get(_LIGHTER.get(fg16, fg16)), _ANSI_RGB.get(bg16)
    return light is None or ground is None or contrast(light, ground) >= MIN_LOW_CONTRAST
