"""``[eventlistener:x]`` (reference: configuration, section 7.8)."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from supervisor.config.diff import diff_groups
from supervisor.config.imports import resolve
from supervisor.config.model import Configuration, GroupConfig, GroupKind, ListenerConfig, decode, encode
from supervisor.dispatchers import RejectEvent
from tests.core.config_files import MAIN, errors, load, warnings


def one(options: str = "", events: str = "TICK_5") -> GroupConfig:
    text = f"[supervisord]\n[eventlistener:l]\ncommand=/bin/cat\nevents={events}\n{options}\n"
    configuration = load(text)
    assert warnings(configuration) == []
    (group,) = configuration.groups
    return group


def listener_errors(*lines: str) -> list[str]:
    return errors("\n".join(["[supervisord]", "[eventlistener:l]", "command=/bin/cat", *lines]))


def test_defaults() -> None:
    group = one()
    assert (group.name, group.kind, group.priority) == ("l", GroupKind.LISTENER, -1)
    assert group.listener == ListenerConfig(("TICK_5",), 0, "supervisor.dispatchers:default_handler", 60)
    (process,) = group.processes
    assert (process.name, process.group, process.priority) == ("l", "l", 999)


def test_everything() -> None:
    group = one(
        "priority=5\nbuffer_size=7\nack_timeout=0\nresult_handler=os.path:join\nnumprocs=2\n"
        "process_name=%(program_name)s_%(process_num)d\nstdout_capture_maxbytes=1KB\nstderr_capture_maxbytes=1KB",
        "tick, Process_State_EXITED,tick",
    )
    assert group.priority == 5
    assert group.listener == ListenerConfig(("PROCESS_STATE_EXITED", "TICK"), 7, "os.path:join", 0)
    assert [process.name for process in group.processes] == ["l_0", "l_1"]
    assert [process.priority for process in group.processes] == [5, 5]
    assert (group.processes[0].stdout.capture_maxbytes, group.processes[0].stderr.capture_maxbytes) == (
        0,
        1024,
    )


def test_it_goes_through_the_snapshot() -> None:
    configuration = Configuration("x", groups=(one("buffer_size=3"),))
    assert decode(Configuration, encode(configuration)) == configuration


def test_mistakes() -> None:
    assert listener_errors() == [
        f'{MAIN}:2: [eventlistener:l] events: cannot listen to nothing: [eventlistener:l] section requires an "events" line'
    ]
    assert listener_errors("events=TICK_5,NOPE") == [
        f"{MAIN}:4: [eventlistener:l] events: cannot listen to this: Unknown event type NOPE in [eventlistener:l] events"
    ]
    assert listener_errors("events=TICK_5", "buffer_size=0") == [
        (
            f"{MAIN}:5: [eventlistener:l] buffer_size: cannot use this size: "
            "[eventlistener:l] section sets invalid buffer_size (0)"
        )
    ]
    assert listener_errors("events=TICK_5", "redirect_stderr=true") == [
        (
            f"{MAIN}:5: [eventlistener:l] redirect_stderr: cannot combine these: [eventlistener:l] section sets "
            "redirect_stderr=true but this is not allowed because it will interfere with the eventlistener protocol"
        )
    ]
    assert listener_errors("events=TICK_5", "ack_timeout=-1") == [
        f"{MAIN}:5: [eventlistener:l] ack_timeout: cannot wait less than 0 seconds"
    ]


def test_handlers_that_cannot_be_had() -> None:
    for spec, reason in (
        ("nowhere_x:f", "No module named 'nowhere_x'"),
        ("os:nothing", "module 'os' has no attribute 'nothing'"),
        ("os:sep", "sep is not callable"),
        ("os", "not of the form package.module:function"),
    ):
        assert listener_errors("events=TICK_5", f"result_handler={spec}") == [
            (
                f"{MAIN}:5: [eventlistener:l] result_handler: cannot use this handler: {spec} cannot be resolved within "
                f"[eventlistener:l]: {reason}"
            )
        ]


def test_a_pool_is_changed_by_its_own_options_and_not_by_their_order() -> None:
    before = one(events="TICK_5,TICK_60")
    assert diff_groups([before], [one(events="TICK_60,TICK_5")]).changed == ()
    for other in (
        one("buffer_size=3", "TICK_5,TICK_60"),
        one("ack_timeout=3", "TICK_5,TICK_60"),
        one("result_handler=os.path:join", "TICK_5,TICK_60"),
        one(events="TICK_5"),
        dataclasses.replace(before, listener=None, kind=GroupKind.PROGRAM),
    ):
        assert diff_groups([before], [other]).changed == ("l",)


def test_a_listener_that_hears_its_own_stderr_is_warned_about() -> None:
    def told(events: str, option: str) -> list[str]:
        return warnings(
            load(f"[supervisord]\n[eventlistener:l]\ncommand=/bin/cat\nevents={events}\n{option}\n")
        )

    for events in ("PROCESS_LOG", "TICK,process_log_stderr", "EVENT"):
        (line,) = told(events, "stderr_events_enabled=true")
        assert line.startswith(
            f"{MAIN}:5: [eventlistener:l] stderr_events_enabled: it listens to what it writes"
        )
        assert told(events, "stdout_events_enabled=true") == []
    assert told("PROCESS_LOG_STDOUT,PROCESS_STATE", "stderr_events_enabled=true") == []


def test_the_result_handler_of_twiddler_is_built_in() -> None:
    class Process:
        written = b""

        def write(self, data: bytes) -> None:
            self.written += data
            if data == b"nobody":
                raise OSError(32, "Broken pipe")

    group = one("result_handler=supervisor_twiddler.resulthandler:stdin_write_handler")
    assert group.listener is not None
    handler = resolve(group.listener.result_handler)
    process = Process()
    event = SimpleNamespace(process=process)
    for response in (b"STDIN:a\n", b"STDIN:", b"OK", b"STDIN:nobody"):
        handler(event, response)
    handler(SimpleNamespace(), b"STDIN:an event about no process")
    assert process.written == b"a\nnobody"
    for response in (b"FAIL", b"", b"stdin:x"):
        with pytest.raises(RejectEvent):
            handler(event, response)
