"""What a word on a command line may become, and the scripts that ask for it from bash, zsh and fish; must never know
prompts or the wire.

The scripts hand the line up to the cursor to ``supervisorctl completion --words LINE`` and
get a candidate a line, or nothing where something is wrong: an error in the middle of
typing would only be in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from supervisor.config.commandline import CtlArguments, parse_ctl
from supervisor.errors import UserError
from supervisor.states import ProcessStates

from .records import ProcessInfo

SHELLS: Final = ("bash", "fish", "zsh")
CHANNELS: Final = ("stdout", "stderr")
_SIGNALS: Final = ("ABRT", "ALRM", "CONT", "HUP", "INT", "KILL", "PIPE", "QUIT", "STOP", "TERM", "TSTP", "TTIN",
                   "TTOU", "USR1", "USR2", "WINCH")  # fmt: skip
_STATES: Final = tuple(name for name, code in vars(ProcessStates).items() if isinstance(code, int))
_OPTIONS: Final = {
    "attach": ("--exit", "--read", "--take"),
    "reread": ("--diff",),
    "tail": ("-f",),
    "maintail": ("-f",),
    "update": ("--whole-groups",),
    "wait": ("--for", "--timeout"),
}

Fetch = Callable[[], Sequence[ProcessInfo]]


def candidates(
    line: str, text: str, commands: Sequence[str], kinds: dict[str, str], fetch: Fetch
) -> list[str]:
    """What ``text``, the last word of ``line`` so far, may become.

    ``kinds``: what each command's words are: processes, groups, commands. ``fetch`` gives
    the processes, and is called only where they are asked for.
    """
    before = line[: len(line) - len(text)].rpartition(";")[2].split()
    if not before:
        return [word for word in commands if word.startswith(text)]
    found = _words(before, text, commands, kinds, fetch)
    return [word for word in found if word.startswith(text)]


def _words(
    before: list[str], text: str, commands: Sequence[str], kinds: dict[str, str], fetch: Fetch
) -> Sequence[str]:
    command, arguments = before[0], before[1:]
    names = [word for word in arguments if not word.startswith("-")]
    if text.startswith("-"):
        return _OPTIONS.get(command, ())
    if command == "completion":
        return SHELLS
    if command == "signal" and not names:
        return _SIGNALS
    if command == "tail" and names:
        return CHANNELS if len(names) == 1 else ()
    if command == "wait" and arguments and arguments[-1] == "--for":
        return _STATES
    if command == "wait" and arguments and arguments[-1] == "--timeout":
        return ()
    kind = kinds.get(command, "")
    if kind == "commands":
        return commands
    if kind == "groups":
        sign = "@" if text.startswith("@") else ""
        return sorted({sign + info.group for info in fetch()})
    if kind == "processes":
        return _process_names(fetch(), text)
    return ()


def _process_names(infos: Sequence[ProcessInfo], text: str) -> list[str]:
    if text.startswith("@"):
        return sorted({f"@{info.group}" for info in infos})
    names: dict[str, None] = {}
    for info in infos:
        if ":" in text or info.group != info.name:
            names[f"{info.group}:{info.name}"] = None
            names[f"{info.group}:*"] = None
        else:
            names[info.name] = None
    return list(names)


# --- in a shell --------------------------------------------------------------------------------------


def split_line(line: str) -> tuple[CtlArguments, str] | None:
    """The words before the cursor as supervisorctl would read them, and the word that is being typed.

    None where an option of supervisorctl itself, or its value, is being typed.
    """
    words = line.split()
    text = "" if not words or line[-1:].isspace() else words.pop()
    try:
        arguments = parse_ctl(words[1:])
        if not arguments.words:
            # The word may be the value of the option before it.
            arguments = parse_ctl([*words[1:], text or "x"])
            if not arguments.words:
                return None
            arguments = parse_ctl(words[1:])
    except UserError:
        return None
    return arguments, text


SCRIPTS: Final = {
    "bash": """\
# supervisorctl completion for bash; use it with: eval "$(supervisorctl completion bash)"
_supervisorctl() {
    local line="${COMP_LINE:0:COMP_POINT}" word prefix
    word="${line##*[[:space:]]}"
    mapfile -t COMPREPLY < <("$1" completion --words "$line" 2>/dev/null)
    # A colon separates words for readline: it replaces only what stands behind the last one.
    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
        prefix="${word%"${word##*:}"}"
        COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    fi
}
complete -F _supervisorctl supervisorctl
""",
    "zsh": """\
#compdef supervisorctl
# supervisorctl completion for zsh; use it with: eval "$(supervisorctl completion zsh)", after compinit
_supervisorctl() {
    local -a found
    found=("${(@f)$("$words[1]" completion --words "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
    [[ -n "$found" ]] && compadd -- "${found[@]}"
}
compdef _supervisorctl supervisorctl
""",
    "fish": """\
# supervisorctl completion for fish; use it with: supervisorctl completion fish | source
function __supervisorctl_words
    supervisorctl completion --words (commandline --current-process --cut-at-cursor | string collect) 2>/dev/null
end
complete --command supervisorctl --no-files --arguments '(__supervisorctl_words)'
""",
}
