"""Contexts and keys to commands; footers and help come from the same table."""

from __future__ import annotations

import pytest

from supervisor.errors import UserError
from supervisor.tui.commands import COMMANDS
from supervisor.tui.keymap import DEFAULTS, FOOTERS, KeyMap, Prefix, show, split_keys

LIST = ("list", "global")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("g g", ("g", "g")),
        ("ctrl w w", ("ctrl w", "w")),
        ("page up", ("page up",)),
        ("ctrl w page down", ("ctrl w", "page down")),
        ("space", (" ",)),
        ("shift tab", ("shift tab",)),
    ],
)
def test_key_names(text: str, keys: tuple[str, ...]) -> None:
    assert split_keys(text) == keys


def test_half_a_key_is_refused() -> None:
    with pytest.raises(UserError):
        split_keys("ctrl")


def test_the_inner_context_wins() -> None:
    keymap = KeyMap()
    assert keymap.find(LIST, ("/",)) == "filter"
    assert keymap.find(("log", "global"), ("/",)) == "find"
    assert keymap.find(LIST, ("q",)) == "back"


def test_a_prefix_offers_its_choices() -> None:
    found = KeyMap().find(LIST, ("g",))
    assert isinstance(found, Prefix)
    assert ("g", "first") in found.choices
    assert KeyMap().find(LIST, ("g", "g")) == "first"


def test_an_unbound_key_is_none() -> None:
    assert KeyMap().find(LIST, ("Q",)) is None


def test_unknown_commands_and_hidden_prefixes_are_refused() -> None:
    with pytest.raises(UserError, match="no command 'fly'"):
        KeyMap({"global": {"x": "fly"}})
    with pytest.raises(UserError, match="is bound itself"):
        KeyMap({"global": {"g": "up", "g g": "down"}})


def test_movement_keys_never_change_anything() -> None:
    """h j k l g G n N v y and vi's chords do no work anywhere."""
    safe = {"h", "j", "k", "l", "g", "G", "n", "N", "v", "ctrl d", "ctrl u", "ctrl f", "ctrl b"}
    for context, table in DEFAULTS.items():
        for keys, command in table.items():
            if split_keys(keys)[0] in safe:
                assert not COMMANDS[command].changes, (context, keys)


def test_every_footer_command_has_a_key() -> None:
    keymap = KeyMap()
    for context in FOOTERS:
        contexts = (context,) if context in ("dialog", "choice") else (context, "global")
        shown = {command.name for _, command in keymap.footer(contexts)}
        assert shown == set(FOOTERS[context])


def test_read_only_footers_offer_no_changes() -> None:
    entries = KeyMap().footer(LIST, changing=False)
    assert entries and not any(command.changes for _, command in entries)


def test_footer_as_drawn() -> None:
    shown = " ".join(f"{key} {command.label}" for key, command in KeyMap().footer(LIST))
    expected = "F1 Help F3 Find F4 Filter F5 Logs F6 Sort F7 Start F8 Stop F9 Signal F10 Quit"
    assert shown.startswith(expected)


def test_help_lists_every_command_bound_here_once() -> None:
    sections = KeyMap().help(LIST)
    names = [command.name for _, rows in sections for _, command in rows]
    assert len(names) == len(set(names))
    assert {"start", "restart-group", "filter", "quit"} <= set(names)


def test_keys_as_people_read_them() -> None:
    assert show(("ctrl p",)) == "^P"
    assert show(("f10",)) == "F10"
    assert show(("g", "g")) == "g g"
    assert show((" ",)) == "Space"
    assert show(("f",)) == "f"
