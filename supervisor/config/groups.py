"""Programs gathered into groups; must never know servers, or what runs.

Where two things have one name, Supervisor runs one of them without a word. Such a
file works for somebody today, so it is read as Supervisor reads it, and warned of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from . import values
from .fcgi import fcgi_socket
from .listeners import listener
from .model import GroupConfig, GroupKind, ProcessConfig
from .programs import MAX_PROCESSES, Surroundings, load_processes, program_names
from .sections import Section

_NO_PROGRAMS: tuple[str, ...] = ()


@dataclass(slots=True)
class _Made:
    """A group, and the section to complain at."""

    config: GroupConfig
    section: Section


class GroupLoader:
    """Groups of one configuration, made section by section; problems go to the sections."""

    def __init__(
        self,
        programs: Sequence[Section],
        fcgi_programs: Sequence[Section],
        groups: Sequence[Section],
        surroundings: Surroundings,
        listeners: Sequence[Section] = (),
    ) -> None:
        self._surroundings = surroundings
        self._listeners = _by_name(listeners)
        self._group_sections = groups
        self._programs = _by_name(programs)
        self._fcgi = _by_name(fcgi_programs)
        self._made: dict[str, _Made] = {}
        self._count = 0

    def load(self) -> tuple[GroupConfig, ...]:
        """All groups, sorted by priority and name."""
        grouped: set[str] = set()
        for section in self._group_sections:
            grouped.update(self._load_group(section))
        for name, section in (*self._programs.items(), *self._fcgi.items()):
            if name not in grouped:
                own_names = section.with_names(program_names(section.names, name, name))
                priority = own_names.get("priority", values.integer, 999)
                processes = self._processes(section, name, name)
                self._add(GroupConfig(name, priority, GroupKind.PROGRAM, processes), section)
        for name, section in self._listeners.items():
            self._load_listener(name, section)
        configs = [made.config for made in self._made.values()]
        return tuple(sorted(configs, key=lambda config: (config.priority, config.name)))

    def _load_listener(self, name: str, section: Section) -> None:
        """Makes the pool of an [eventlistener:x]."""
        section = section.with_names(program_names(section.names, name, name))
        priority = section.get("priority", values.integer, -1)
        processes = self._processes(section, name, name)
        # it could not be told from the protocol
        quiet = tuple(
            dataclasses.replace(p, stdout=dataclasses.replace(p.stdout, capture_maxbytes=0))
            for p in processes
        )
        self._add(GroupConfig(name, priority, GroupKind.LISTENER, quiet, listener(section)), section)

    def _load_group(self, section: Section) -> tuple[str, ...]:
        """Makes the group of a section; returns the names of its programs."""
        name = _section_name(section)
        programs = section.get("programs", values.string_list, _NO_PROGRAMS)
        priority = section.get("priority", values.integer, 999)
        members: list[ProcessConfig] = []
        for program in dict.fromkeys(programs):
            program_section = self._programs.get(program) or self._fcgi.get(program)
            if program_section is None:
                section.error(
                    f"cannot find this member: [{section.name}] names unknown program or fcgi-program {program}",
                    "programs",
                )
                continue
            if program in self._programs and program in self._fcgi:
                section.error(
                    f"cannot tell which is meant: [{section.name}] name {program} is ambiguous"
                    " (exists as program and fcgi-program)",
                    "programs",
                )
            members.extend(self._processes(program_section, program, name))
        if len(set(programs)) < len(programs):
            section.warning("a program is listed twice in this group: it is there once", "programs")
        if name:
            self._add(GroupConfig(name, priority, GroupKind.GROUP, tuple(members)), section)
        return programs

    def _processes(self, section: Section, program: str, group: str) -> tuple[ProcessConfig, ...]:
        limit = MAX_PROCESSES - self._count
        processes = load_processes(section, program, group, self._surroundings, limit=limit)
        self._count += len(processes)
        if section is self._fcgi.get(program):
            socket = fcgi_socket(section, program)
            return tuple(dataclasses.replace(process, fcgi=socket) for process in processes)
        return processes

    def _add(self, config: GroupConfig, section: Section) -> None:
        """One more group. Of two with one name the one that comes first, by priority, is there."""
        made = _Made(self._without_doubles(config), section)
        other = self._made.setdefault(config.name, made)
        if other is made:
            return
        if config.priority < other.config.priority:
            self._made[config.name] = made
            made, other = other, made
        where = f"{other.section.raw.file}:{other.section.raw.line}"
        made.section.warning(
            f"this is not run: it makes a second group named '{config.name}', and [{other.section.name}] at {where}"
            " comes first (rename one of them, or list the program in the group)"
        )

    def _without_doubles(self, config: GroupConfig) -> GroupConfig:
        """The group with one process of each name: the last, and a warning where there are more."""
        processes: dict[str, ProcessConfig] = {}
        for process in config.processes:
            other = processes.get(process.name)
            processes[process.name] = process
            if other is not None:
                section = self._section_of(other.program)
                section.warning(
                    f"this process is not run: '{process.name}' in the group '{config.name}' is that of"
                    f" [{self._section_of(process.program).name}], which comes later",
                    "process_name" if section.find("process_name") else "",
                )
        if len(processes) == len(config.processes):
            return config
        return dataclasses.replace(config, processes=tuple(processes.values()))

    def _section_of(self, program: str) -> Section:
        return self._programs.get(program) or self._fcgi.get(program) or self._listeners[program]


def _by_name(sections: Sequence[Section]) -> dict[str, Section]:
    """Program sections by the name after the colon; two of one name are an error."""
    named: dict[str, Section] = {}
    for section in sections:
        name = _section_name(section)
        if name in named:
            section.error(f"cannot have two programs named '{name}': [{named[name].name}] is one")
        elif name:
            named[name] = section
    return named


def _section_name(section: Section) -> str:
    """The name after the colon; empty, with an error recorded, when it is no name."""
    _, _, text = section.name.partition(":")
    try:
        name = values.name(text)
    except ValueError as error:
        section.error(f"cannot use this name: {error}")
        return ""
    if not name:
        section.error("cannot use this name: it is empty")
    return name
