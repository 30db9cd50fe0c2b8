"""The names that listeners, clients and plug-ins import, and the traps that lie in them."""

from __future__ import annotations

import importlib
import subprocess
import sys
import xmlrpc.client
from configparser import NoOptionError
from pathlib import Path
from typing import Any

import pytest

from supervisor import compat, datatypes, events, http, loggers, options, rpcinterface, states
from supervisor.errors import RPCError as OurRPCError
from supervisor.options import ClientOptions, UnhosedConfigParser
from supervisor.xmlrpc import Faults, RPCError, xmlrpclib

PROMISED = {
    "supervisor.childutils": "getRPCInterface getRPCTransport listener pcomm eventdata get_headers get_asctime "
    "xmlrpclib",
    "supervisor.xmlrpc": "SupervisorTransport Faults RPCError getFaultDescription xmlrpclib",
    "supervisor.states": "ProcessStates SupervisorStates RUNNING_STATES STOPPED_STATES getProcessStateDescription",
    "supervisor.options": "make_namespec split_namespec UnhosedConfigParser VERSION ClientOptions ServerOptions",
    "supervisor.datatypes": "byte_size SuffixMultiplier boolean integer list_of_strings logfile_name logging_level "
    "Automatic Syslog",
    "supervisor.dispatchers": "RejectEvent PEventListenerDispatcher",
    "supervisor.events": "Event subscribe unsubscribe notify register getEventNameByType EventTypes "
    "ProcessStateEvent ProcessGroupAddedEvent ProcessGroupRemovedEvent RemoteCommunicationEvent "
    "SupervisorRunningEvent SupervisorStoppingEvent TickEvent Tick5Event",
    "supervisor.http": "NOT_DONE_YET",
    "supervisor.rpcinterface": "SupervisorNamespaceRPCInterface make_main_rpcinterface",
    "supervisor.loggers": "LevelsByName LevelsByDescription LOG_LEVELS_BY_NUM getLevelNumByDescription Logger "
    "getLogger handle_file handle_stdout Handler RotatingFileHandler SyslogHandler",
    "supervisor.supervisorctl": "ControllerPluginBase Controller LSBInitExitStatuses",
    "supervisor.supervisord": "Supervisor main",
    "supervisor.process": "Subprocess ProcessGroupBase ProcessStates SupervisorStates STOPPED_STATES getProcessStateDescription",
    "supervisor.compat": "as_string as_bytes httplib xmlrpclib urllib urlparse StringIO ConfigParser Fault HTMLParser unicode "
    "basestring StringTypes long unichr raw_input maxint letters escape htmlentitydefs encodestring decodestring md5 sha1 "
    "thread PY2",
}


@pytest.mark.parametrize(("module", "names"), PROMISED.items())
def test_promised_names(module: str, names: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in names.split() if not hasattr(found, name)] == []


# --- traps -------------------------------------------------------------------------------------------


def test_codes_are_plain_integers_on_plain_classes() -> None:
    class Mine(states.ProcessStates):
        EXTRA = 5

    for holder in (states.ProcessStates, states.SupervisorStates, Faults):
        values = [value for name, value in vars(holder).items() if not name.startswith("_")]
        assert values
        assert all(type(value) is int for value in values)
    assert (Mine.RUNNING is states.ProcessStates.RUNNING, Mine.EXTRA) == (True, 5)


def test_faults_can_be_added_and_have_no_name_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Faults, "MY_FAULT", 777, raising=False)
    error = RPCError(777, "more")
    assert (error.code, error.text) == (777, "UNKNOWN: more")
    assert (RPCError(10).text, RPCError(10, "x").text) == ("BAD_NAME", "BAD_NAME: x")
    assert RPCError is OurRPCError


def test_sentinels_are_classes() -> None:
    for sentinel in (datatypes.Automatic, datatypes.Syslog, http.NOT_DONE_YET):
        assert isinstance(sentinel, type)
    assert datatypes.logfile_name("AUTO") is datatypes.Automatic
    assert datatypes.logfile_name("syslog") is datatypes.Syslog
    assert datatypes.logfile_name("none") is None


def test_lists_of_strings_take_nothing_in_every_form() -> None:
    nothing: tuple[Any, ...] = ([], "", None)
    for value in nothing:
        assert datatypes.list_of_strings(value) == []
    assert datatypes.list_of_strings(" a, b,") == ["a", "b", ""]
    with pytest.raises(ValueError, match="not a valid list of strings"):
        datatypes.list_of_strings(["a"])


def test_the_parser_takes_values_of_any_kind() -> None:
    parser = UnhosedConfigParser()
    parser.add_section("program:x")
    parser.set("program:x", "numprocs", 2)  # type: ignore[arg-type]  # plug-ins do
    parser["program:x"]["command"] = "cat"
    assert parser.sections() == ["program:x"]
    assert parser.saneget("program:x", "numprocs") == 2
    assert parser.get("program:x", "command") == "cat"


def test_names_of_processes_may_be_doubled() -> None:
    assert options.split_namespec("a:a") == options.split_namespec("a") == ("a", "a")
    assert options.make_namespec("a", "a") == "a"
    assert options.make_namespec("a", "b") == "a:b"


def test_xmlrpclib_is_the_standard_one() -> None:
    assert xmlrpclib is xmlrpc.client
    assert compat.xmlrpclib is xmlrpc.client


def test_text_and_bytes() -> None:
    assert compat.as_bytes("é") == compat.as_bytes("é".encode()) == "é".encode()
    assert compat.as_string("é".encode()) == compat.as_string("é") == "é"


# --- converters --------------------------------------------------------------------------------------


def test_sizes_and_suffixes() -> None:
    assert (datatypes.byte_size("1kb"), datatypes.byte_size("5 MB")) == (1024, 5 * 1024**2)
    seconds = datatypes.SuffixMultiplier({"s": 1, "m": 60}, default=2)
    assert (seconds("3M"), seconds("2s"), seconds("5")) == (180, 2, 10)
    with pytest.raises(ValueError, match="invalid literal"):
        seconds("x")
    with pytest.raises(ValueError, match="vary"):
        datatypes.SuffixMultiplier({"s": 1, "min": 60})


def test_scalars_take_converted_values_too() -> None:
    assert (datatypes.boolean("ON"), datatypes.boolean(True), datatypes.boolean(0)) == (True, True, False)
    assert (datatypes.integer("5"), datatypes.integer(2.5)) == (5, 2)
    assert (datatypes.logging_level("WARN"), datatypes.logging_level("blather")) == (30, 3)
    with pytest.raises(ValueError, match="bad logging level name"):
        datatypes.logging_level("loud")


# --- the parser --------------------------------------------------------------------------------------


@pytest.fixture
def parser(tmp_path: Path) -> UnhosedConfigParser:
    file = tmp_path / "conf"
    file.write_text(
        "[DEFAULT]\nq=1\n[a]\nX = 5 ; c\ny=%(here)s/z\nz=%(nope)s\nm=1 #c\nhalf=50%\n[a]\nx=6\n", "utf-8"
    )
    parser = UnhosedConfigParser()
    assert parser.read([str(file), str(tmp_path / "none")]) == [str(file)]
    parser.expansions = {"here": "/H"}
    return parser


def test_values_are_expanded(parser: UnhosedConfigParser) -> None:
    assert [parser.saneget("a", option) for option in "xyqm"] == ["6", "/H/z", "1", "1"]
    assert parser.saneget("a", "z", do_expand=False) == "%(nope)s"
    assert parser.saneget("a", "z", expansions={"nope": "N"}) == "N"
    assert (parser.saneget("a", "none", default=5), parser.saneget("a", "none", default="%(here)s")) == (
        5,
        "/H",
    )


def test_what_cannot_be_expanded_is_a_value_error(parser: UnhosedConfigParser) -> None:
    with pytest.raises(ValueError, match=r"'a\.z' contains names \('nope'\) which cannot be expanded"):
        parser.saneget("a", "z")
    with pytest.raises(ValueError, match=r"'a\.half' is badly formatted"):
        parser.saneget("a", "half")
    parser.expansions = {}
    with pytest.raises(ValueError, match=r"'a\.y' contains names \('here'\)"):
        parser.saneget("a", "y")


def test_what_is_not_there(parser: UnhosedConfigParser) -> None:
    with pytest.raises(NoOptionError):
        parser.saneget("a", "none")
    with pytest.raises(Exception, match="No section"):
        parser.saneget("b", "x", default=1)
    parser.mysection = "a"
    assert parser.getdefault("x") == "6"


def test_arguments_of_the_standard_parser_pass() -> None:
    assert UnhosedConfigParser(defaults={"a": "1"}, inline_comment_prefixes=None).defaults() == {"a": "1"}


# --- clients' options --------------------------------------------------------------------------------


def test_client_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "conf"
    file.write_text(
        "[supervisorctl]\nserverurl=unix:///s\nusername=u\n[ctlplugin:x]\nsupervisor.ctl_factory=a:b\nk=v\n"
    )
    found = ClientOptions()
    found.realize(["-c", str(file), "-p", "secret", "status", "x"])
    assert (found.serverurl, found.username, found.password) == ("unix:///s", "u", "secret")
    assert (found.args, found.interactive) == (["status", "x"], False)
    assert found.plugin_factories == [("x", "a:b", {"k": "v"})]
    found.getServerProxy()("close")()
    with pytest.raises(SystemExit) as caught:
        found.realize(["--nonsense"])
    assert caught.value.code == 2
    assert "nonsense" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        found.realize(["-h"], doc="my help\n")
    assert (caught.value.code, capsys.readouterr().out) == (0, "my help\n")


# --- loggers -----------------------------------------------------------------------------------------


def test_a_logger_with_a_file(tmp_path: Path) -> None:
    logger = loggers.getLogger(loggers.LevelsByName.DEBG)
    file = tmp_path / "log"
    loggers.handle_file(logger, str(file), "%(levelname)s %(message)s\n")
    logger.info("100% of %(this)s")
    logger.warn("%(count)d of them", count=5)
    logger.error("%(broken", count=5)
    logger.trace("too quiet")
    logger.log(25, b"bytes")
    logger.close()
    logger.info("closed, and no error")
    lines = file.read_text().splitlines()
    assert lines == ["INFO 100% of %(this)s", "WARN 5 of them", "ERRO %(broken {'count': 5}", "INFO bytes"]


def test_levels() -> None:
    assert loggers.LOG_LEVELS_BY_NUM == {
        50: "CRIT", 40: "ERRO", 30: "WARN", 20: "INFO", 10: "DEBG", 5: "TRAC", 3: "BLAT",
    }  # fmt: skip
    assert loggers.getLevelNumByDescription("info") == loggers.LevelsByDescription.info == 20
    assert loggers.getLevelNumByDescription("INFO") is None
    assert loggers.getLevelNumByDescription("__doc__") is None
    assert loggers.getLevelNumByDescription("__firstlineno__") is None
    assert loggers.getLogger().level == 20


def test_a_log_rotates_and_loses_nothing(tmp_path: Path) -> None:
    handler = loggers.RotatingFileHandler(str(tmp_path / "log"), maxBytes=20, backupCount=2)
    handler.setFormat("%(message)s\n")
    logger = loggers.Logger(handlers=[handler])
    for number in range(5):
        logger.info(f"line {number}...")
    logger.close()
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts == {
        "log.2": "line 0...\nline 1...\n",
        "log.1": "line 2...\nline 3...\n",
        "log": "line 4...\n",
    }
    handler.remove()
    handler.remove()
    assert not (tmp_path / "log").exists()


def test_asctime(tmp_path: Path) -> None:
    text = loggers.LogRecord(20, "x").asdict()["asctime"]
    assert (len(text), text[4], text[10], text[19]) == (23, "-", " ", ",")


# --- the namespace -----------------------------------------------------------------------------------


class Supervisord:
    process_groups: dict[str, Any]

    def __init__(self) -> None:
        self.process_groups = {}
        self.state = 1
        self.calls: list[Any] = []

    def get_state(self) -> int:
        return self.state

    def call(self, method: str, *params: object) -> Any:
        self.calls.append((method, *params))
        return "result"


def test_every_method_of_the_table_is_a_method_of_the_namespace() -> None:
    supervisord = Supervisord()
    namespace = rpcinterface.make_main_rpcinterface(supervisord)
    assert namespace.startProcess("a") == "result"
    assert namespace.stopProcess("a", False) == "result"
    assert namespace.sendRemoteCommEvent("t", "d") == "result"
    assert supervisord.calls == [
        ("startProcess", "a", True), ("stopProcess", "a", False), ("sendRemoteCommEvent", "t", "d"),
    ]  # fmt: skip
    supervisord.state = 0
    with pytest.raises(RPCError, match="SHUTDOWN_STATE"):
        namespace._update("x")
    with pytest.raises(RPCError, match="BAD_NAME: no:such"):
        namespace._getGroupAndProcess("no:such")


def test_descriptions_are_made_of_a_struct_alone() -> None:
    describe: Any = rpcinterface.SupervisorNamespaceRPCInterface._interpretProcessInfo
    info = {"name": "x", "state": 20, "pid": 7, "now": 100_000, "start": 1, "stop": 0, "spawnerr": ""}
    assert describe(None, info) == "pid 7, uptime 1 day, 3:46:39"
    assert describe(None, {**info, "state": 200, "spawnerr": "why"}) == "why"
    assert describe(None, {**info, "state": 0, "start": 0}) == "Not started"


def test_event_names() -> None:
    assert events.getEventNameByType(events.Tick5Event) == "TICK_5"


# --- what an import costs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "supervisor.supervisorctl",
            "asyncio urwid xmlrpc.client importlib.metadata supervisor.ctl.cacheplugin supervisor.options",
        ),
        ("supervisor.childutils", "asyncio urwid"),
        ("supervisor.options", "asyncio urwid xmlrpc.client importlib.metadata"),
        ("supervisor.rpcinterface", "asyncio urwid supervisor.daemon"),
    ],
)
def test_imports_bring_only_what_is_needed(module: str, absent: str) -> None:
    code = f"import sys, {module}; print(*(m for m in {absent.split()!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
