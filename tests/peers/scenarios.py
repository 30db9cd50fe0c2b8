"""The table of all scenarios; must never know how they are run."""

from __future__ import annotations

from . import config_scenes, ctl_scenes, event_scenes, http_scenes, log_scenes, process_scenes, rpc_scenes
from .steps import Scenario

SCENARIOS: list[Scenario] = [
    *rpc_scenes.SCENARIOS,
    *process_scenes.SCENARIOS,
    *log_scenes.SCENARIOS,
    *ctl_scenes.SCENARIOS,
    *config_scenes.SCENARIOS,
    *http_scenes.SCENARIOS,
    *event_scenes.SCENARIOS,
]
