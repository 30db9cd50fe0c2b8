"""Factories of RPC plug-ins by the names that files give them; must never know what a factory makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from .common import plugin
from .imports import resolve
from .model import PluginConfig
from .sections import Section

RPC_FACTORY: Final = "supervisor.rpcinterface_factory"
MAIN_FACTORY: Final = "supervisor.rpcinterface:make_main_rpcinterface"
TWIDDLER_FACTORY: Final = "supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface"
CACHE_FACTORY: Final = "supervisor_cache.rpcinterface:make_cache_rpcinterface"


def is_built_in(config: PluginConfig) -> bool:
    """Whether nothing is to be imported for a ``[rpcinterface:x]``."""
    if config.factory in (TWIDDLER_FACTORY, CACHE_FACTORY):
        return True
    return config.name == "supervisor" and config.factory == MAIN_FACTORY


def resolve_factory(config: PluginConfig) -> Callable[..., object]:
    """What a ``[rpcinterface:x]`` names. Raises ValueError with the reason, whatever its module does."""
    try:
        return resolve(config.factory)
    except ValueError as error:
        place = f"{config.factory} cannot be resolved within [rpcinterface:{config.name}]"
        raise ValueError(f"{place}: {error}") from error


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
