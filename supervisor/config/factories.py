"""Factories of RPC plug-ins by the names that files give them; must never know what a factory makes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Final

from .common import plugin
from .model import PluginConfig
from .sections import Section

RPC_FACTORY: Final = "supervisor.rpcinterface_factory"
MAIN_FACTORY: Final = "supervisor.rpcinterface:make_main_rpcinterface"
TWIDDLER_FACTORY: Final = "supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface"
CACHE_FACTORY: Final = "supervisor_cache.rpcinterface:make_cache_rpcinterface"

Factory = Callable[..., object]


def is_built_in(config: PluginConfig) -> bool:
    """Whether nothing is to be imported for a ``[rpcinterface:x]``."""
    if config.factory in (TWIDDLER_FACTORY, CACHE_FACTORY):
        return True
    return config.name == "supervisor" and config.factory == MAIN_FACTORY


def resolve_factory(config: PluginConfig) -> Factory:
    """What a ``[rpcinterface:x]`` names. Raises ValueError with the reason, whatever its module does."""
    module_name, _, attributes = config.factory.partition(":")
    place = f"{config.factory} cannot be resolved within [rpcinterface:{config.name}]"
    try:
        found: object = importlib.import_module(module_name)
        for attribute in filter(None, attributes.split(".")):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as error:  # importing runs a stranger's code
        raise ValueError(f"{place}: {str(error) or type(error).__name__}") from error
    if callable(found):
        return found
    raise ValueError(f"{place}: it cannot be called")


def rpc_plugin(section: Section) -> PluginConfig | None:
    """A ``[rpcinterface:x]`` whose factory could be imported, so that the event types it brings are known."""
    config = _plugin(section)
    if config is not None and not is_built_in(config):
        try:
            resolve_factory(config)
        except ValueError as error:
            section.error(f"cannot load this plug-in: {error}", RPC_FACTORY)
    return config


_plugin = partial(plugin, factory_option=RPC_FACTORY)
