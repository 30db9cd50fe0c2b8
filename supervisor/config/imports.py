"""What ``package.module:name`` names in a configuration; must never know what it is for."""

from __future__ import annotations

import importlib
from collections.abc import Callable


def resolve(spec: str) -> Callable[..., object]:
    """The function or class that ``package.module:name`` names.

    Raises ValueError with the reason, whatever its module does: importing runs a stranger's code.
    """
    module_name, colon, name = spec.partition(":")
    if not colon or not module_name or not name:
        raise ValueError("not of the form package.module:function")
    try:
        found: object = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    if not callable(found):
        raise ValueError(f"{name} is not callable")  # noqa: TRY004  # one kind of error, for whatever reason
    return found
