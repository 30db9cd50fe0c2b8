"""Converters, one table of good and one of bad values each (reference: value types)."""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.config import values
from supervisor.config.model import AutoRestart, LogFile, LogKind

GOOD: list[tuple[Callable[[str], object], str, object]] = [
    *[(values.boolean, word, True) for word in ("true", "YES", "on", "1", " True ")],
    *[(values.boolean, word, False) for word in ("false", "No", "OFF", "0")],
    (values.integer, " +5 ", 5),
    (values.integer, "-3", -3),
    (values.integer, "1_000", 1000),
    (values.integer, "\n5", 5),
    (values.byte_size, "0", 0),
    (values.byte_size, "12", 12),
    (values.byte_size, "5KB", 5120),
    (values.byte_size, "5 kb", 5120),
    (values.byte_size, "2Mb", 2 * 1024**2),
    (values.byte_size, "1GB", 1024**3),
    (values.byte_size, "-1MB", -(1024**2)),
    (values.octal, "022", 0o22),
    (values.octal, "22", 0o22),
    (values.octal, "0o22", 0o22),
    (values.octal, "1777", 0o1777),
    (values.loglevel, "WARN", "warn"),
    (values.loglevel, "blather", "blather"),
    (values.user, "root", 0),
    (values.user, "0", 0),
    (values.user_and_group, "root", (0, -1)),
    (values.user_and_group, "root:0", (0, 0)),
    (values.user_and_group, "0:0", (0, 0)),
    (values.signal, "TERM", 15),
    (values.signal, "sigterm", 15),
    (values.signal, " SIGUSR1 ", int(signal.SIGUSR1)),
    (values.signal, "9", 9),
    (values.signal, "0", 0),
    (values.exit_codes, "0", (0,)),
    (values.exit_codes, "0, 2 ,255", (0, 2, 255)),
    (values.exit_codes, "", ()),
    (values.exit_codes, "  ", ()),
    (values.autorestart, "True", AutoRestart.ALWAYS),
    (values.autorestart, "1", AutoRestart.ALWAYS),
    (values.autorestart, "off", AutoRestart.NEVER),
    (values.autorestart, "Unexpected", AutoRestart.UNEXPECTED),
    (values.string_list, "", ()),
    (values.string_list, "a, b ,c", ("a", "b", "c")),
    (values.string_list, "a,", ("a", "")),
    (values.name, " cat ", "cat"),
    (values.name, "", ""),
    (values.name, "größe-1.a_b*", "größe-1.a_b*"),
    (values.logfile, "NONE", (LogFile(LogKind.NONE), False)),
    (values.logfile, "off", (LogFile(LogKind.NONE), False)),
    (values.logfile, "Auto", (LogFile(LogKind.AUTO), False)),
    (values.logfile, "Syslog", (LogFile(LogKind.NONE), True)),
    (values.logfile, "/dev/stdout", (LogFile(LogKind.FILE, "/dev/stdout"), False)),
    (values.main_logfile, "SYSLOG", "syslog"),
    (values.main_logfile, "/tmp/x.log", "/tmp/x.log"),
    (values.inet_address, "9001", ("", 9001)),
    (values.inet_address, "*:9001", ("", 9001)),
    (values.inet_address, ":9001", ("", 9001)),
    (values.inet_address, "LocalHost:1", ("localhost", 1)),
    (values.inet_address, "127.0.0.1: 65535", ("127.0.0.1", 65535)),
    (values.inet_address, "[::1]:80", ("::1", 80)),
    (values.url, "http://localhost:9001", "http://localhost:9001"),
    (values.url, "unix:///tmp/s.sock", "unix:///tmp/s.sock"),
    (values.url, "x:y", "x:y"),
    (values.tty_size, "24x80", (24, 80)),
    (values.tty_size, " 1X65535 ", (1, 65535)),
    (values.dirpath, "no-directory-part", "no-directory-part"),
    (values.existing_directory, "/tmp", "/tmp"),
]

BAD: list[tuple[Callable[[str], object], str, str]] = [
    *[(values.boolean, word, f"not a valid boolean value: '{word}'") for word in ("", "maybe", "2", "t")],
    (values.integer, "1.5", "invalid literal for int() with base 10: '1.5'"),
    (values.integer, "", "invalid literal for int() with base 10: ''"),
    (values.integer, "9" * 20, f"{'9' * 20} is out of range"),
    (values.integer, "9" * 10_000, f"invalid literal for int() with base 10: '{'9' * 40}...'"),
    (values.byte_size, "5K", "invalid literal for int() with base 10: '5k'"),
    (values.byte_size, "1.5MB", "invalid literal for int() with base 10: '1.5'"),
    (values.byte_size, "5TB", "invalid literal for int() with base 10: '5tb'"),
    (values.byte_size, "MB", "invalid literal for int() with base 10: ''"),
    (values.byte_size, f"{2**50}GB", f"{2**50}GB is out of range"),
    *[
        (values.octal, word, f"{word} can not be converted to an octal type")
        for word in ("9", "", "-1", "77777")
    ],
    (values.existing_directory, "/nonexistent", "/nonexistent is not an existing directory"),
    (
        values.dirpath,
        "/nonexistent/x",
        "The directory named as part of the path /nonexistent/x does not exist",
    ),
    (
        values.logfile,
        "/nonexistent/x",
        "The directory named as part of the path /nonexistent/x does not exist",
    ),
    (values.loglevel, "warning", "bad logging level name 'warning'"),
    (values.user, "no such user", "Invalid user name no such user"),
    (values.user, "4000000000", "Invalid user id 4000000000"),
    (values.user, "-9" + "9" * 30, "Invalid user id -9" + "9" * 30),
    (values.user_and_group, "nosuchuser", "Invalid user:group definition nosuchuser"),
    (values.user_and_group, "root:nosuchgroup", "Invalid user:group definition root:nosuchgroup"),
    (values.user_and_group, "root:", "Invalid user:group definition root:"),
    (values.signal, "FOO", "value 'FOO' is not a valid signal name"),
    (values.signal, "", "value '' is not a valid signal name"),
    (values.signal, "SIG_DFL", "value 'SIG_DFL' is not a valid signal name"),
    (values.signal, "-1", "value '-1' is not a valid signal number"),
    (values.signal, "999", "value '999' is not a valid signal number"),
    *[
        (values.exit_codes, word, f"not a valid list of exit codes: '{word}'")
        for word in ("256", "-1", "a", "1,")
    ],
    (values.autorestart, "Sometimes", "invalid 'autorestart' value 'sometimes'"),
    (values.name, "a b", "Invalid name: 'a b' because of character: ' '"),
    (values.name, "a:b", "Invalid name: 'a:b' because of character: ':'"),
    (values.name, "a/b", "Invalid name: 'a/b' because of character: '/'"),
    (values.name, "a\x1bb", "Invalid name: 'a\\x1bb' because of character: '\\x1b'"),
    (values.name, "a\nb", "Invalid name: 'a\\nb' because of character: '\\n'"),
    (values.name, "a\u202eb", "Invalid name: 'a\\u202eb' because of character: '\\u202e'"),
    *[
        (values.inet_address, word, f"not a valid port number: '{word}'")
        for word in ("", "foo", "localhost", "h:", "0", "65536", "h:-1")
    ],
    *[(values.url, word, f"value '{word}' is not a URL") for word in ("foo", "http:", "", "http://[")],
    *[
        (values.tty_size, word, f"not a terminal size of the form ROWSxCOLUMNS: '{word}'")
        for word in ("", "24", "0x80", "24x", "x80", "24x65536", "a24x80", "24x80x1", "-1x80", "1x123456")
    ],
]


def _identity(case: object) -> str:
    return getattr(case, "__name__", "") if callable(case) else repr(case)[:40]


@pytest.mark.parametrize(("convert", "text", "value"), GOOD, ids=_identity)
def test_good_value(convert: Callable[[str], object], text: str, value: object) -> None:
    converted = convert(text)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(("convert", "text", "reason"), BAD, ids=_identity)
def test_bad_value_has_the_reason_that_users_know(
    convert: Callable[[str], object], text: str, reason: str
) -> None:
    with pytest.raises(ValueError) as caught:
        convert(text)
    assert str(caught.value) == reason


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="no real-time signals here")
def test_of_the_real_time_signals_only_the_ends_are_known() -> None:
    assert values.signal("RTMIN") == signal.SIGRTMIN
    assert values.signal("SIGRTMAX") == signal.SIGRTMAX
    between = int(signal.SIGRTMIN) + 3
    with pytest.raises(ValueError, match=f"value '{between}' is not a valid signal number"):
        values.signal(str(between))


def test_paths_are_joined_to_the_base_and_the_home_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    assert values.dirpath("~/logs/a.log") == f"{tmp_path}/logs/a.log"
    assert values.dirpath("logs/a.log", str(tmp_path)) == f"{tmp_path}/logs/a.log"
    assert values.existing_directory("logs", str(tmp_path)) == f"{tmp_path}/logs"
    with pytest.raises(ValueError, match=r"as part of the path lags/a\.log does not exist"):
        values.dirpath("lags/a.log", str(tmp_path))


def test_a_user_by_number_needs_an_entry() -> None:
    me = pwd.getpwuid(os.getuid())
    assert values.user(str(me.pw_uid)) == values.user(me.pw_name) == me.pw_uid


CONVERTERS = sorted({convert for convert, _, _ in BAD}, key=lambda convert: convert.__name__)


@settings(deadline=None)
@given(st.sampled_from(CONVERTERS), st.text(max_size=40))
def test_any_text_is_converted_or_refused(convert: Callable[[str], object], text: str) -> None:
    try:
        convert(text)
    except ValueError as error:
        assert str(error)


@settings(deadline=None)
@given(st.text())
def test_printable_text_has_nothing_a_terminal_acts_on(text: str) -> None:
    shown = values.printable(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


def test_names_and_log_paths_have_limits_that_the_state_can_hold() -> None:
    assert values.name("é" * 127 + "x") == "é" * 127 + "x"
    with pytest.raises(ValueError, match="at most 255 bytes"):
        values.name("é" * 128)
    with pytest.raises(ValueError, match="at most 1900 bytes"):
        values.logfile("/tmp/" + "./" * 1000 + "log")
