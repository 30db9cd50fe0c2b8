"""Fleet files and words of the command line to supervisors."""

from __future__ import annotations

import pytest

from supervisor.errors import UserError
from supervisor.tls import TlsFiles
from supervisor.tui.places import Place, chosen, from_word, from_words, read_fleet, ssh_command, unique

GOOD = """
# our fleet
[fleet.web-1]
url = "ssh://ops@web-1:2222/etc/s u.conf"
env = "prod"
protect = "type-name"
title = "alert"

[fleet."db.main"]
url = "http://db:9001"
username = "admin"
password_file = "~/secret"

[fleet.local]
url = "unix:///run/s.sock"
password_env = "LOCAL"
"""


def secret(path: str) -> str:
    if path == "~/secret":
        return "hush"
    raise UserError(f"cannot read {path}")


def read(text: str) -> list[Place]:
    return read_fleet(text, "fleet.toml", secret, {"LOCAL": "here"})


def test_a_fleet() -> None:
    web, db, local = read(GOOD)
    assert web == Place("web-1", "ssh://ops@web-1:2222/etc/s u.conf", None, None, "prod", True, True)
    assert (db.name, db.username, db.password, db.protect) == ("db.main", "admin", "hush", False)
    assert local.password == "here"
    assert "hush" not in repr(db)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'fleet.toml: names no supervisor; write [fleet.NAME] and url = "..."'),
        ("[fleet.a]\nurl = ", "fleet.toml:2: no TOML: Invalid value"),
        ("[flet.a]\n", "fleet.toml:1: 'flet' is not known here; supervisors are [fleet.NAME]"),
        ("\n[fleet.a]\n", "fleet.toml:2: fleet.a has no url"),
        ("[fleet]\na = 3\n", "fleet.toml:2: fleet.a is to be a table: [fleet.a]"),
        ("[fleet.a]\nurl = 3\n", "fleet.toml:2: url is to be a text in quotes"),
        (
            '[fleet.a]\nurl = "ftp://x"\n',
            "fleet.toml:2: cannot talk to ftp://x: the URL must begin with unix://, http://, https://, ssh://",
        ),
        (
            '[fleet.a]\nurl = "ssh://-oProxyCommand=x"\n',
            "fleet.toml:2: ssh://-oProxyCommand=x: is to be ssh://[USER@]HOST[:PORT][/CONFIGURATION]",
        ),
        (
            '[fleet.a]\nurl = "unix:///s"\n\nsize = "red"\n',
            "fleet.toml:4: size is not known; there are "
            + "cafile, certfile, colour, env, keyfile, password, password_env, password_file, protect, theme, title, url, username",
        ),
        (
            '[fleet.a]\nurl = "http://h:1"\ncafile = "ca.pem"\n',
            "fleet.toml:3: cafile is for https:// only",
        ),
        (
            '[fleet.a]\nurl = "unix:///s"\npassword = "a"\npassword_env = "B"\n',
            "fleet.toml:4: password and password_env: only one of them",
        ),
        (
            '[fleet.a]\nurl = "unix:///s"\npassword_env = "B"\n',
            "fleet.toml:3: there is no variable B in the environment",
        ),
        ('[fleet.a]\nurl = "unix:///s"\npassword_file = "x"\n', "fleet.toml:3: cannot read x"),
        (
            '[fleet.a]\nurl = "unix:///s"\nprotect = 3\n',
            'fleet.toml:3: protect is "type-name", true or false',
        ),
        (
            '[fleet.a]\nurl = "unix:///s"\ncolour = "pink"\n',
            "fleet.toml:3: colour is one of red, yellow, green, cyan, blue, magenta",
        ),
        ('[fleet.a]\nurl = "unix:///s"\ntitle = "x"\n', 'fleet.toml:3: title is "alert", or left out'),
        (
            '[fleet."a b"]\nurl = "unix:///s"\n',
            "fleet.toml:1: 'a b' is no name: no blanks, colons or slashes, at most 64",
        ),
        (
            '[fleet.a]\nurl = "unix:///s"\n[fleet.a]\n',
            "fleet.toml:3: no TOML: Cannot declare ('fleet', 'a') twice",
        ),
    ],
)
def test_mistakes_are_told_with_file_and_line(text: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text)
    assert str(caught.value) == problem


def test_words_of_the_command_line_have_the_files_of_the_command_line() -> None:
    files = TlsFiles("/ca.pem")
    assert [place.target.tls for place in from_words(["a=https://a", "b=https://b"], None, None, files)] == [
        files
    ] * 2


def test_ssh() -> None:
    assert ssh_command("ssh://Host")[-3:] == ("Host", "--", "supervisorctl bridge")
    words = ssh_command("ssh://me@h.example:2200/etc/it's.conf")
    assert words[:2] == ("ssh", "-T") and "BatchMode=yes" in words
    assert words[words.index("-p") + 1] == "2200"
    assert words[-3:] == ("me@h.example", "--", "supervisorctl -c '/etc/it'\\''s.conf' bridge")
    assert ssh_command("ssh://[::1]")[-3] == "::1"
    for bad in ("ssh://", "ssh://a b", "ssh://u:p@h", "ssh://-h", "ssh://h:x", "ssh://h;rm"):
        with pytest.raises(UserError):
            ssh_command(bad)


def test_words_of_the_command_line() -> None:
    assert from_word("prod=http://h:1", "u", "p") == Place("prod", "http://h:1", "u", "p")
    names = {
        "unix:///run/app/supervisor.sock": "app-supervisor",
        "unix:///tmp/web.sock": "web",
        "http://h:9001": "h-9001",
        "ssh://me@host/etc/x": "host",
    }
    assert {word: from_word(word, None, None).name for word in names} == names
    one, other = Place("a", "unix:///1"), Place("a", "unix:///2")
    with pytest.raises(UserError, match=r"two supervisors are called a: unix:///1 and unix:///2"):
        unique([one, other])
    assert chosen([one, Place("b", "unix:///2")], ["b"]) == [Place("b", "unix:///2")]
    with pytest.raises(UserError, match="no supervisor is called c; there are a"):
        chosen([one], ["c"])
