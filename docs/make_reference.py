"""Writes the pages that the code can say better; with --check says whether they are up to date.

stream.rst from ``supervisor.protocol.stream``, tree.rst from the docstrings of all
files, keys.rst from the console's key map, methods.rst (included by rpc.rst) from the
method table, options.rst (included by configuration.rst) from the table of options.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
import typing
from pathlib import Path

from supervisor.config.options import OPTIONS, Option
from supervisor.daemon.methods import changes, logs, processes
from supervisor.daemon.methods.supervisor import METHODS
from supervisor.daemon.methods.system import system_methods
from supervisor.daemon.methods.table import Method, MethodTable
from supervisor.protocol import stream
from supervisor.tui import commands, keymap

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
WRITTEN = ".. written by docs/make_reference.py; edit the code"


def kind(hint: object) -> str:
    """A field's type as the document shows it."""
    if isinstance(hint, type):
        return hint.__name__
    text = str(hint).replace("typing.", "").replace("supervisor.protocol.frames.", "")
    return "any" if text.startswith(("Union[None, bool", "None | bool")) else text


def fields_of(cls: type) -> list[str]:
    hints = typing.get_type_hints(cls)
    lines = []
    for spec in dataclasses.fields(cls):
        shown = "any" if spec.name in ("value", "params") else kind(hints[spec.name])
        optional = spec.default is not dataclasses.MISSING or spec.default_factory is not dataclasses.MISSING
        default = f", default ``{spec.default!r}``" if spec.default is not dataclasses.MISSING else ""
        lines.append(f"  * ``{spec.name}`` ({shown}{default if optional else ''})")
    return lines


def frame_section(frame: type[stream.Frame]) -> list[str]:
    doc = inspect.getdoc(frame) or ""
    lines = [f"``{frame.TYPE}``"]
    if doc and not doc.startswith(f"{frame.__name__}(") and doc != inspect.getdoc(stream.Frame):
        lines += [f"  {line}".rstrip() for line in doc.splitlines()] + [""]
    lines += fields_of(frame) or ["  No fields."]
    return [*lines, ""]


def stream_page() -> str:
    doc = inspect.getdoc(stream) or ""
    body = doc.partition("\n\n")[2].partition("\n\n")[2]
    lines = ["=================", "The stream socket", "=================", "",
             ".. written by docs/make_reference.py from supervisor/protocol/stream.py; edit there", "",
             f"Protocol version {stream.VERSION}. The unix socket is the HTTP one's name with ``.stream`` added, unless",
             "``[unix_stream_server] file=`` says otherwise; ``[inet_stream_server] port=`` adds TCP.",
             "``supervisor.getStreamAddress`` tells clients where it is.", "", body, ""]  # fmt: skip
    for title, frames in (
        ("Frames from the client", stream.CLIENT_FRAMES),
        ("Frames from the server", stream.SERVER_FRAMES),
    ):
        lines += [title, "=" * len(title), ""]
        for frame in frames:
            lines += frame_section(frame)
    lines += ["The process record", "==================", "", inspect.getdoc(stream.ProcessRecord) or "", ""]
    lines += [line.removeprefix("  ") for line in fields_of(stream.ProcessRecord)] + [""]
    return "\n".join(lines)


def row(path: Path) -> str:
    """The first sentence of a file's docstring: its row in the tree."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(doc.partition("\n\n")[0].split()).rstrip(".")


def tree_page() -> str:
    lines = [WRITTEN, ""]
    for top, what in (
        ("supervisor", ("the shared core; no asyncio (but ``client/stream.py``), no urwid, nothing of daemon or tui "
         "(the doors apart)")),
        ("daemon", "supervisord"),
        ("tui", "the console"),
    ):  # fmt: skip
        lines += [f"**{top}/**, {what}", ""]
        folder = ROOT / top
        for path in sorted(folder.rglob("*.py"), key=lambda p: (len(p.relative_to(folder).parts), p)):
            inside = path.relative_to(folder)
            linked = any((folder / part).is_symlink() for part in list(inside.parents)[:-1])
            if not linked and path.name != "__init__.py" and "__pycache__" not in inside.parts:
                lines += [f"``{inside}``", f"  {row(path)}", ""]
    return "\n".join(lines)


def keys_page() -> str:
    lines = [WRITTEN, ""]
    for context, bindings in keymap.DEFAULTS.items():
        by_command: dict[str, list[str]] = {}
        for keys, name in bindings.items():
            by_command.setdefault(name, []).append(keys)
        lines += [f"**{context}**", ""]
        for name, keys in by_command.items():
            shown = ", ".join(f"``{key}``" for key in keys)
            lines += [f"{shown}", f"  {commands.COMMANDS[name].help}", ""]
    return "\n".join(lines)


def method_section(method: Method) -> list[str]:
    words = [f"{param.name}={param.default!r}" if param.optional else param.name for param in method.params]
    lines = [f"``{method.name}({', '.join(words)})``", f"  {' '.join(method.help.split())}", ""]
    lines += [f"  * ``{param.name}`` ({param.kind}): {param.help}" for param in method.params]
    return [*lines, f"  * gives {method.returns[0]}: {method.returns[1]}; needs the role {method.role}", ""]


def methods_page() -> str:
    table = MethodTable(None)
    for methods in (METHODS, processes.METHODS, logs.METHODS, changes.METHODS, system_methods(table)):
        table.add(methods)
    lines = [WRITTEN, ""]
    for name in sorted(table.methods):
        lines += method_section(table.methods[name])
    return "\n".join(lines)


def option_lines(option: Option) -> list[str]:
    default = f", default ``{option.default}``" if option.default else ""
    ours = " *Not known to Supervisor.*" if option.ours else ""
    text = option.help[0].upper() + option.help[1:]
    return [f"``{option.name}`` ({option.kind}{default})", f"  {text}.{ours}", ""]


def options_page() -> str:
    lines = [WRITTEN, ""]
    program = set(OPTIONS["program"])
    for kind, options in OPTIONS.items():
        named = kind in ("program", "fcgi-program", "eventlistener", "group", "supervisortui")
        heading = f"``[{kind}:NAME]``" if named else f"``[{kind}]``"
        lines += [heading, "-" * len(heading), ""]
        own = [o for o in options if kind == "program" or o not in program]
        if len(own) < len(options):
            lines += ["Every option of ``[program:NAME]`` but those of terminals, and:", ""]
        for option in own:
            lines += option_lines(option)
    return "\n".join(lines)


PAGES = {
    "stream.rst": stream_page,
    "tree.rst": tree_page,
    "keys.rst": keys_page,
    "methods.rst": methods_page,
    "options.rst": options_page,
}


def main() -> int:
    stale = [name for name, page in PAGES.items() if (DOCS / name).exists() is False or
             (DOCS / name).read_text() != page()]  # fmt: skip
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(
                f"docs/{name} is not what the code says; run python docs/make_reference.py", file=sys.stderr
            )
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
