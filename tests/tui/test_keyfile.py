"""The key-map file: presets, merging, and every mistake with its line; what is right is used all the same."""

from __future__ import annotations

import tomllib

import pytest

from supervisor.errors import UserError
from supervisor.tui.keyfile import PRESETS, KeyFile, bind, is_key, preset, read
from supervisor.tui.keymap import KeyMap

LIST = ("list", "global")


def made(*lines: str) -> KeyFile:
    return read("\n".join(lines) + "\n", "keys.toml")


def test_bindings_are_merged_over_the_preset() -> None:
    found = made(
        "[keys]", "sequence_timeout = 2", "[keys.list]", '"K" = "signal HUP"', '"ctrl d" = ""', '"x" = ""'
    )
    assert found.problems == () and found.sequence_s == 2.0
    keymap = KeyMap(found.tables)
    assert keymap.find(LIST, ("K",)) == "signal HUP"
    assert keymap.find(LIST, ("x",)) is None
    assert keymap.find(LIST, ("s",)) == "start"


def test_the_prefix_of_attach() -> None:
    assert made("[keys.attach]", 'prefix = ["f12", "ctrl ^"]').prefix == ("f12", "ctrl ^")
    assert made("[keys.attach]", 'prefix = "meta a"').prefix == ("meta a",)


def test_keys_behind_the_prefix() -> None:
    found = made("[keys.attach]", 'prefix = "f12"', '"e" = "detach"', '"d" = ""', '"tab" = "half"')
    assert found.problems == () and found.prefix == ("f12",)
    keys = found.tables["attach"]
    assert keys["e"] == "detach" and "d" not in keys and keys["tab"] == "half" and keys["["] == "look-back"
    assert all(preset(name)["attach"] == preset("default")["attach"] for name in PRESETS)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["[keys.list]", "", '"Q" = "fly"'], "keys.toml:3: [keys.list] no command 'fly'"),
        (
            ["[keys.list]", '"Q" = "restrat"'],
            "keys.toml:2: [keys.list] no command 'restrat', did you mean 'restart'?",
        ),
        (["[keys.list]", '"pagedown" = "up"'], "no key 'pagedown', did you mean 'page down'?"),
        (
            ["[keys.list]", '"j" = "stop"'],
            "keys.toml:2: [keys.list] j moves the cursor: 'stop' cannot be on it",
        ),
        (["[keys.list]", '"Q" = "accept"'], "keys.toml:2: [keys.list] 'accept' answers a dialog"),
        (["[keys.lists]", '"Q" = "stop"'], "keys.toml:1: no context 'lists', did you mean 'list'?"),
        (["[keys.global]", '"g" = "zoom"'], "keys.toml:2: [keys.global] g begins g g: unbind that first"),
        (
            ["[keys.list]", '"s s" = "zoom"'],
            "keys.toml:2: [keys.list] s is bound itself: nothing can follow it",
        ),
        (["[keys.list]", '"Q" = "zoom"', '" Q" = "find"'], "keys.toml:3: [keys.list] ' Q' has two commands"),
        (["[keys.list]", '"Q" = "signal NOPE"'], "signal NOPE: it is one of TERM"),
        (["[keys.list]", '"Q" = "zoom now"'], "zoom takes no argument"),
        (["[keys.list]", '"Q" = 3'], "3 is no command"),
        (["[keys]", 'preset = "nano"'], "keys.toml:2: no preset 'nano': it is one of default, vi"),
        (["[keys]", "sequence_timeout = 60"], "keys.toml:2: sequence_timeout must be seconds"),
        (["[keys]", "color = 3"], "keys.toml:2: [keys] has no 'color'"),
        (["[key]", '"x" = ""'], "keys.toml:1: there is no 'key', only [keys]"),
        (["[keys.attach]", 'prefix = "x"'], "keys.toml:2: prefix 'x' could never be typed"),
        (
            ["[keys.attach]", 'd = "stop"'],
            "keys.toml:2: [keys.attach] 'stop' is nothing that is done while attached",
        ),
        (["[keys.attach]", '"g g" = "half"'], "keys.toml:2: [keys.attach] g g is more than one key"),
        (
            ["[keys.list]", '"Q" = "detach"'],
            "keys.toml:2: [keys.list] 'detach' is done while attached: it belongs",
        ),
        (["[keys.list]", '"Q" = '], "keys.toml:2: cannot read it: invalid value"),
    ],
)
def test_a_mistake_has_its_line_and_leaves_the_rest(lines: list[str], problem: str) -> None:
    found = made(*lines)
    assert len(found.problems) == 1 and problem in found.problems[0]
    keymap = KeyMap(found.tables)
    assert keymap.find(LIST, ("j",)) == "down"
    assert keymap.find(LIST, ("s",)) == "start"
    assert keymap.find(LIST, ("g", "g")) == "first"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_key_map_one_can_leave(name: str) -> None:
    keymap = KeyMap(preset(name))
    for context in ("list", "log", "detail", "events"):
        assert keymap.find((context, "global"), ("esc",)) == "back"
        assert keymap.find((context, "global"), ("f10",)) == "quit"
        assert keymap.find((context, "global"), ("f1",)) == "help"
    assert keymap.find(("dialog",), ("esc",)) == "cancel"


def test_presets_differ_as_they_say() -> None:
    assert KeyMap(preset("vi")).find(LIST, ("f7",)) is None
    assert KeyMap(preset("fkeys")).find(LIST, ("s",)) is None
    assert KeyMap(preset("fkeys")).find(LIST, ("f7",)) == "start"
    assert KeyMap(preset("emacs")).find(LIST, ("ctrl n",)) == "down"
    assert KeyMap(preset("none")).find(LIST, ("s",)) is None
    with pytest.raises(UserError):
        preset("nano")


@pytest.mark.parametrize(("key", "known"), [("ctrl x", True), ("meta page up", True), ("f20", True), ("é", True),
                                            ("f21", False), ("hyper x", False), ("", False)])  # fmt: skip
def test_key_names(key: str, known: bool) -> None:
    assert is_key(key) is known


def test_one_key_is_bound_in_the_text_and_the_rest_stays() -> None:
    text = '# mine\n[keys.list]\n"K" = "signal HUP"  # rarely\n[keys.log]\n"w" = ""\n'
    again = bind(text, "list", "K", "zoom")
    assert again.startswith("# mine\n") and tomllib.loads(again)["keys"]["list"] == {"K": "zoom"}
    more = tomllib.loads(bind(again, "list", "Q", "find"))["keys"]
    assert more == {"list": {"K": "zoom", "Q": "find"}, "log": {"w": ""}}
    assert tomllib.loads(bind("", "global", '"', "zoom"))["keys"]["global"] == {'"': "zoom"}
