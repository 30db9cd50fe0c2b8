"""What a scenario is made of: steps that give a normalised result, and how two results are compared.

Must never know the scenarios themselves. A step is run on both sides at the same
time; its results have to be the same, types included, unless the step declares
that they differ, where that is explained, and which results they are.
"""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from tests.support.waiting import until

from .peer import AS_ROOT, BASE, SIDES, SUPERVISORD, Peer, basic

__all__ = ["AS_ROOT", "BASE", "SUPERVISORD", "Differs", "Scenario", "Step", "compare", "play"]

ROOT = os.geteuid() == 0
ANY = object()
MORE_KEYS = ("statename", "inuse")
"""Structs with one of these keys may have more keys on our side."""


@dataclass(frozen=True)
class Differs:
    """``phrase`` stands in the section ``heading`` of docs/differences.rst. What is pinned has to come out."""

    heading: str
    phrase: str
    theirs: object = ANY
    ours: object = ANY


@dataclass(frozen=True)
class Step:
    label: str
    run: Callable[[Peer], object]
    differs: Differs | None = None
    more: bool = False
    """Our list may have more items."""

    def but(self, heading: str, phrase: str, theirs: object = ANY, ours: object = ANY) -> Step:
        """The same step, whose results differ deliberately."""
        return replace(self, differs=Differs(heading, phrase, theirs, ours))


@dataclass(frozen=True)
class Scenario:
    """``programs``: the configuration behind ``base``. ``files``: more files in the folder by name.

    ``start``: whether supervisord runs before the first step, with ``words`` on its command line.
    """

    name: str
    programs: str
    steps: Sequence[Step]
    base: str = BASE
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    start: bool = True
    words: Sequence[str] = ()
    login: tuple[str, str] | None = None


def play(scenario: Scenario) -> list[str]:
    """Run a scenario on both sides at once; the disagreements."""
    config = scenario.base + scenario.programs
    peers = [Peer(side, config, scenario.files, scenario.env) for side in SIDES]
    with ThreadPoolExecutor(len(peers)) as pool:
        running = [pool.submit(_results, scenario, peer) for peer in peers]
    theirs, ours = (future.result() for future in running)
    found = []
    for index, step in enumerate(scenario.steps):
        if problem := compare(step, theirs[index], ours[index]):
            found.append(f"step {index}, {step.label}: {problem}")
    return found


def _results(scenario: Scenario, peer: Peer) -> list[object]:
    """The result of each step on one side. What fails says where."""
    results = []
    try:
        peer.login = scenario.login
        if scenario.start:
            peer.start(*scenario.words)
        for step in scenario.steps:
            try:
                results.append(step.run(peer))
            except Exception as error:
                error.add_note(f"{peer.side}: {step.label}\n{peer.read('main.log')[-3000:]}")
                raise
        if peer.side == "ours":
            log = peer.read("main.log")
            assert "Traceback" not in log and " ERRO Task " not in log, (
                f"a bug of ours in the main log:\n{log}"
            )
    finally:
        peer.destroy()
    return results


def compare(step: Step, theirs: object, ours: object) -> str:
    """What is wrong with a pair of results; empty when nothing is."""
    ours = without_more_keys(theirs, ours)
    if step.more and isinstance(theirs, list) and isinstance(ours, list):
        ours = [item for item in ours if item in theirs]
    same = text(theirs) == text(ours)
    both = f"\n  theirs {text(theirs)}\n  ours   {text(ours)}"
    if step.differs is None:
        return "" if same else both
    if same:
        return f"declared as different, but the same: {text(ours)}"
    for who, pin, value in (("theirs", step.differs.theirs, theirs), ("ours", step.differs.ours, ours)):
        if not fits(pin, value):
            return f"{who} is not as declared ({pin!r}):{both}"
    return ""


def fits(pin: object, value: object) -> bool:
    """A pin is a value, a pattern to be found in the value's text, or ANY."""
    if pin is ANY:
        return True
    if isinstance(pin, re.Pattern):
        return bool(pin.search(text(value)))
    return text(pin) == text(value)


def without_more_keys(theirs: object, ours: object) -> object:
    """Ours without keys that theirs lack, where that is allowed."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        extra = any(key in theirs for key in MORE_KEYS)
        return {
            key: without_more_keys(theirs.get(key), value)
            for key, value in ours.items()
            if key in theirs or not extra
        }
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [without_more_keys(one, other) for one, other in zip(theirs, ours, strict=True)]
    return ours


def text(value: object) -> str:
    """Types show: true is not 1. Key order does not."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


# --- steps: RPC ------------------------------------------------------------------------------------------


def rpc(method: str, *params: object) -> Step:
    """``method`` without a namespace is one of ``supervisor``."""
    full = method if "." in method else f"supervisor.{method}"
    return Step(f"{full}{params}", lambda peer: peer.rpc(full, *params))


def rpc_sorted(method: str, *params: object) -> Step:
    """A status list, whose order is the order of completion."""

    def run(peer: Peer) -> object:
        answer = peer.rpc(f"supervisor.{method}", *params)
        return sorted(answer, key=text) if isinstance(answer, list) else answer

    return Step(f"sorted {method}{params}", run)


def rpc_keys(method: str, *params: object) -> Step:
    """The type of an answer; of structs the type of each key."""

    def kind(value: object) -> object:
        if isinstance(value, dict):
            return {key: kind(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [kind(inner) for inner in value]
        return type(value).__name__

    def run(peer: Peer) -> object:
        return kind(peer.call(f"supervisor.{method}", *params))

    return Step(f"types of {method}{params}", run)


def info(name: str, *keys: str) -> Step:
    """Some keys of getProcessInfo."""

    def run(peer: Peer) -> object:
        answer = peer.rpc("supervisor.getProcessInfo", name)
        assert isinstance(answer, dict)
        return {key: answer.get(key) for key in keys} if keys else answer

    return Step(f"info of {name}: {keys}", run)


def states() -> Step:
    """Names of all processes with their states, in the order they are listed."""

    def run(peer: Peer) -> object:
        return [
            f"{one['group']}:{one['name']} {one['statename']}"
            for one in peer.call("supervisor.getAllProcessInfo")
        ]

    return Step("states", run)


def raw_rpc(body: str, path: str = "/RPC2") -> Step:
    """HTTP status and body of a POST."""

    def run(peer: Peer) -> object:
        response, content = peer.http("POST", path, {"Content-Type": "text/xml"}, body.encode(), False)
        return [response.status, re.sub(r"\s+", "", content)]

    return Step(f"POST {path} {body[:80]!r}", run)


# --- steps: waiting and watching -------------------------------------------------------------------------


def wait(name: str, *wanted: str) -> Step:
    return Step(f"wait for {name} to be {wanted}", lambda peer: peer.wait_state(name, wanted))


def wait_all(*wanted: str) -> Step:
    """Until every process is in one of the states."""

    def run(peer: Peer) -> object:
        def all_there() -> bool:
            found = [one["statename"] for one in peer.call("supervisor.getAllProcessInfo")]
            return all(state in wanted for state in found)

        all_are = until(all_there, f"all to be {wanted}")
        for one in peer.call("supervisor.getAllProcessInfo"):
            peer.wait_execed(one)
        return all_are

    return Step(f"wait for all to be {wanted}", run)


def watch(name: str) -> Step:
    return Step(f"watch {name}", lambda peer: peer.watch(name))


def watched(name: str, *passing: str) -> Step:
    """The states since ``watch``, without those that are over too soon to be seen for sure."""

    def run(peer: Peer) -> object:
        seen: list[str] = []
        for state in peer.watched(name):
            if state not in passing and seen[-1:] != [state]:
                seen.append(state)
        return seen

    return Step(f"states of {name}", run)


def wait_log(pattern: str, count: int = 1) -> Step:
    """Until so many lines of the main log have the pattern; says nothing of how many."""

    def run(peer: Peer) -> object:
        return until(lambda: len(peer.log_lines(pattern)) >= count, f"{count} of {pattern!r} in the main log")

    return Step(f"wait for {pattern!r} in the main log", run)


def log(pattern: str, without: str = "") -> Step:
    """Levels and messages of the main log's lines with this pattern."""

    def run(peer: Peer) -> object:
        return [line for line in peer.log_lines(pattern) if not without or not re.search(without, line)]

    return Step(f"main log: {pattern!r}", run)


def log_sorted(pattern: str) -> Step:
    return Step(f"main log, sorted: {pattern!r}", lambda peer: sorted(peer.log_lines(pattern)))


def log_once(pattern: str) -> Step:
    """Which lines there are, however often."""
    return Step(f"main log, once: {pattern!r}", lambda peer: sorted(set(peer.log_lines(pattern))))


# --- steps: files ----------------------------------------------------------------------------------------


def wait_file(name: str, pattern: str = "") -> Step:
    """Until a file is there and has the pattern in it."""

    def run(peer: Peer) -> object:
        def there() -> bool:
            found = peer.read(name)
            return found != "<no file>" and bool(re.search(pattern, found))

        try:
            return until(there, f"{pattern!r} in {name}")
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {peer.read(name)[-500:]!r}") from None

    return Step(f"wait for {pattern!r} in {name}", run)


def lines(name: str, pattern: str = "", without: str = "") -> Step:
    """Lines of a file (a name or a glob pattern of one file) that have the pattern."""

    def run(peer: Peer) -> object:
        found = [path.relative_to(peer.folder) for path in peer.folder.glob(name)]
        if len(found) != 1:
            return sorted(str(path) for path in found)
        return [
            line
            for line in peer.read(str(found[0])).split("\n")
            if re.search(pattern, line) and not (without and re.search(without, line))
        ]

    return Step(f"lines of {name} {pattern!r}", run)


def names(pattern: str) -> Step:
    return Step(f"names {pattern}", lambda peer: peer.names(pattern))


def lines_sorted(name: str, pattern: str) -> Step:
    whole = lines(name, pattern)

    def run(peer: Peer) -> object:
        found = whole.run(peer)
        assert isinstance(found, list)
        return sorted(found)

    return Step(f"sorted {whole.label}", run)


def total(pattern: str) -> Step:
    """Bytes of all files whose names have the pattern, and their lines in order, oldest file first."""

    def run(peer: Peer) -> object:
        def age(name: str) -> int:
            number = name.rpartition(".")[2]
            return int(number) if number.isdigit() else 0

        parts = [peer.read(name) for name in sorted(peer.names(pattern), key=age, reverse=True)]
        return "".join(parts)

    return Step(f"content of {pattern}", run)


def write(name: str, content: str) -> Step:
    return Step(f"write {name}", lambda peer: peer.write(name, content))


def move(name: str, to: str) -> Step:
    return Step(f"move {name} to {to}", lambda peer: os.rename(peer.folder / name, peer.folder / to))


def remove(name: str) -> Step:
    return Step(f"remove {name}", lambda peer: os.unlink(peer.folder / name))


def mode(name: str) -> Step:
    """Permissions of a file."""

    def run(peer: Peer) -> object:
        return [f"{path.stat().st_mode & 0o777:o}" for path in sorted(peer.folder.glob(name))]

    return Step(f"mode of {name}", run)


# --- steps: supervisorctl ---------------------------------------------------------------------------------


def ctl(
    *words: str, stdin: str = "", other: bool = False, options: Sequence[str] = ("-c", "@HERE@/conf")
) -> Step:
    """Its own supervisorctl; ``other``: the other one's."""
    who = "the other one's ctl" if other else "ctl"
    return Step(f"{who} {' '.join(words)}", lambda peer: peer.ctl(words, stdin, other, options))


def ctl_sorted(*words: str) -> Step:
    """Where the order of lines is the order of completion."""

    def run(peer: Peer) -> object:
        done = peer.ctl(words)
        out = done["out"]
        assert isinstance(out, list)
        return {**done, "out": sorted(out)}

    return Step(f"sorted ctl {' '.join(words)}", run)


def ctl_both(*words: str) -> list[Step]:
    """Own and crosswise, for commands that change nothing."""
    return [ctl(*words), ctl(*words, other=True)]


def ctl_exit(*words: str, stdin: str = "", options: Sequence[str] = ("-c", "@HERE@/conf")) -> Step:
    """Only the exit code."""
    return Step(
        f"exit code of ctl {' '.join(words)}", lambda peer: peer.ctl(words, stdin, False, options)["exit"]
    )


def ctl_first(*words: str) -> Step:
    """First line and exit code: help is in everybody's own words."""

    def run(peer: Peer) -> object:
        done = peer.ctl(words)
        assert isinstance(done["out"], list)
        return [done["out"][0], done["err"], done["exit"]]

    return Step(f"first line of ctl {' '.join(words)}", run)


def ctl_syntax(command: str) -> Step:
    """What the help of a command says how to write it."""

    def run(peer: Peer) -> object:
        done = peer.ctl(["help", command])
        assert isinstance(done["out"], list)
        return sorted(
            {line.split("\t")[0].strip() for line in done["out"] if re.match(rf"{command}\b", line)}
        )

    return Step(f"syntax of {command}", run, more=True)


def ctl_topics() -> Step:
    """The commands that help lists, and the heading above them."""

    def run(peer: Peer) -> object:
        done = peer.ctl(["help"])
        assert isinstance(done["out"], list)
        return [*done["out"][:3], *sorted(" ".join(done["out"][3:]).split())]

    return Step("topics", run, more=True)


def follow(*words: str, enough: str, stdin: str | None = None, other: bool = False) -> Step:
    return Step(f"ctl {' '.join(words)}, followed", lambda peer: peer.follow(words, enough, stdin, other))


# --- steps: the daemon as a process -----------------------------------------------------------------------


def supervisord(*words: str) -> Step:
    """Exit code, output, error of a supervisord that ends by itself."""
    return Step(f"supervisord {' '.join(words)}", lambda peer: list(peer.supervisord(*words)))


def refused(*words: str) -> Step:
    """Exit code and the message of a refusal, without the name of the command."""

    def run(peer: Peer) -> object:
        code, out, err = peer.supervisord(*words)
        return [code, out, [line for line in err.splitlines() if line]]

    return Step(f"supervisord {' '.join(words)}", run)


def start(*words: str) -> Step:
    return Step(f"start {' '.join(words)}", lambda peer: peer.start(*words))


def send(number: signal.Signals) -> Step:
    return Step(f"send {number.name}", lambda peer: peer.signal(number))


def ended() -> Step:
    return Step("its end", lambda peer: peer.ended())


def child_signal(name: str, number: signal.Signals) -> Step:
    """Send a signal to a program from outside."""

    def run(peer: Peer) -> object:
        os.kill(peer.call("supervisor.getProcessInfo", name)["pid"], number)
        return None

    return Step(f"send {number.name} to {name}", run)


# --- steps: HTTP ------------------------------------------------------------------------------------------


def http(
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    login: tuple[str, str] | None = None,
    body: str | None = None,
    tcp: bool = False,
    show: Sequence[str] = ("Content-Type", "WWW-Authenticate", "Location"),
    find: str | None = None,
    until_text: str = "",
) -> Step:
    """Status, some headers, and the body (or what matches ``find`` in it, or its start up to ``until_text``)."""

    def run(peer: Peer) -> object:
        sent = dict(headers or {})
        if login:
            sent["Authorization"] = basic(*login)
        data = None if body is None else body.encode()
        response, content = peer.http(method, path, sent, data, tcp, until_text)
        got = {name: peer.plain(response.headers.get(name, "")) for name in show}
        if find is not None:
            return [response.status, got, re.findall(find, content, re.DOTALL)]
        return [response.status, got, content]

    return Step(f"{method} {path}", run)


def status(method: str, path: str, **options: object) -> Step:
    """Only the status."""
    whole = http(method, path, **options)  # type: ignore[arg-type]

    def run(peer: Peer) -> object:
        answer = whole.run(peer)
        assert isinstance(answer, list)
        return answer[0]

    return Step(f"status of {method} {path}", run)


def page_says(form: str, method: str = "POST") -> Step:
    """The message that an action of the web page ends with."""

    def run(peer: Peer) -> object:
        if method == "POST":
            sent = {"Content-Type": "application/x-www-form-urlencoded"}
            response, _ = peer.http("POST", "/index.html", sent, form.encode(), False)
        else:
            response, _ = peer.http("GET", f"/index.html?{form}", {}, None, False)
        query = response.headers.get("Location", "").partition("?")[2]
        return peer.plain(" / ".join(urllib.parse.parse_qs(query).get("message", [])))

    return Step(f"page: {method} {form}", run)


def raw_status(data: str, seconds: float = 2.0) -> Step:
    """The first line of what comes back for bytes."""

    def run(peer: Peer) -> object:
        got = peer.raw(peer.fill(data).encode("latin-1"), False, seconds)
        return got.split(b"\r\n")[0].decode("latin-1")

    return Step(f"raw {data[:40]!r}", run)
