"""Typed reading of one section, every problem collected with its place; must never know which options there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from .expand import ExpansionError, Names, Template, compile_template, expand, shortened
from .reader import Place, Problems, RawSection, RawValue

T = TypeVar("T")

MAX_EXPANDED_CHARACTERS: Final = 256 * 1024 * 1024

_SECRET_OPTIONS = frozenset(("password", "environment"))
"""Options whose value is not repeated beside the reason."""

_NOTHING = RawValue("")


@dataclass(slots=True)
class Budget:
    """How many characters expansions may still make in this load: a short text can ask for many."""

    left: int = MAX_EXPANDED_CHARACTERS

    def spend(self, text: str) -> str:
        """The text itself. Raises ExpansionError when the limit is passed."""
        self.left -= len(text)
        if self.left < 0:
            raise ExpansionError(
                f"the expansions of this configuration make more than {MAX_EXPANDED_CHARACTERS // 1024**2} MiB"
            )
        return text


class Section:
    """The options of one section, [DEFAULT] below them, read one by one.

    A value that cannot be used is recorded as a problem and its default is
    returned, so that a caller can go on and find the next.
    """

    def __init__(
        self,
        raw: RawSection,
        defaults: Mapping[str, RawValue],
        names: Names,
        problems: Problems,
        budget: Budget,
    ) -> None:
        self.raw = raw
        self.name = raw.name
        self.names = names
        self.problems = problems
        self.budget = budget
        self._defaults = defaults

    def with_names(self, names: Names) -> Section:
        """The same section with other expansions."""
        return Section(self.raw, self._defaults, names, self.problems, self.budget)

    def find(self, option: str) -> RawValue | None:
        """The raw value of an option, inherited ones included."""
        return self.raw.options.get(option) or self._defaults.get(option)

    def get(self, option: str, convert: Callable[[str], T], default: T) -> T:
        """The converted value of an option; ``default`` when it is not given or cannot be used."""
        value = self.find(option)
        if value is None:
            return default
        try:
            text = value.text
            if "%" in text and not value.literal:
                text = self.budget.spend(expand(text, self.names, self.label(option), value.here))
            return convert(text)
        except ValueError as error:
            self.error(_unusable(option, value.text, error), option)
            return default

    def varying(self, option: str, convert: Callable[[str], T], default: T) -> Varying[T]:
        """An option to be read many times, with other names each time."""
        return Varying(self, option, convert, default)

    def error(self, reason: str, option: str = "") -> None:
        """Records an error at an option of this section, or at its header."""
        self.problems.error(reason, **self.place(option))

    def warning(self, reason: str, option: str = "") -> None:
        """Records a warning at an option of this section, or at its header."""
        self.problems.warning(reason, **self.place(option))

    def classic_warning(self, reason: str, option: str) -> None:
        """Records a warning in Supervisor's own words, which name section and option themselves."""
        place = self.place(option)
        self.problems.warning(reason, file=place["file"], line=place["line"])

    def place(self, option: str = "") -> Place:
        """File, line, section, option and value, as ConfigProblem has them."""
        value = self.find(option)
        return {
            "file": value.file if value is not None else self.raw.file,
            "line": value.line if value is not None else self.raw.line,
            "section": self.name,
            "option": option,
            "value": value.text if value is not None and option not in _SECRET_OPTIONS else "",
        }

    def label(self, option: str) -> str:
        """How messages about expansions name an option."""
        return f"{self.name}.{option}"


class Varying(Generic[T]):
    """One option of a section, compiled once, converted once for each text it expands to.

    The first value that cannot be used is recorded; then, and later, the default stands in.
    """

    def __init__(self, section: Section, option: str, convert: Callable[[str], T], default: T) -> None:
        self._section = section
        self._option = option
        self._convert = convert
        self._default = default
        self._values: dict[str, T] = {}
        self._template: Template | None = None
        self._constant = default
        self.failed = False
        raw = section.find(option)
        self._raw = raw or _NOTHING
        if raw is None:
            return
        try:
            if "%" not in raw.text:
                self._constant = convert(raw.text)
                return
            template = compile_template(raw.text, section.label(option))
            if template.names:
                self._template = template
            else:
                self._constant = convert(template.expand({}, "", ""))
        except ValueError as error:
            self._fail(error)

    def read(self, names: Names) -> T:
        """The value for these names."""
        if self._template is None:
            return self._constant
        try:
            text = self._template.expand(names, self._section.label(self._option), self._raw.here)
            if text not in self._values:
                self._values[self._section.budget.spend(text)] = self._convert(text)
            return self._values[text]
        except ValueError as error:
            self._fail(error)
            return self._default

    def _fail(self, error: ValueError) -> None:
        self.failed = True
        self._template = None
        self._constant = self._default
        self._section.error(_unusable(self._option, self._raw.text, error), self._option)


def _unusable(option: str, text: str, error: ValueError) -> str:
    if option == "password" and isinstance(error, ExpansionError):
        return "cannot use this value: it is no proper expansion (a literal % is written %%)"
    if option in _SECRET_OPTIONS or isinstance(error, ExpansionError):
        return f"cannot use this value: {error}"
    return f"cannot use '{shortened(text, 80)}': {error}"
