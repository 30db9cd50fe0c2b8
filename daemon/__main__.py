"""Where the keeper and the daemon process begin: ``python .../supervisor/daemon keeper|daemon …``.

Run by path, so that the keeper needs no site-packages and a changed working
directory changes nothing about what is imported.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run() -> int:
    gc.disable()  # until the daemon serves: what is made at the start stays; the keeper makes no cycles at all
    role, sys.argv[1:] = sys.argv[1], sys.argv[2:]
    if ROOT not in sys.path:
        sys.path.append(ROOT)  # at the end: nothing in it stands before the standard library
    # The keeper must not import what the daemon needs, so each is imported only when it is it.
    module = importlib.import_module(f"supervisor.daemon.{'keeper.keeper' if role == 'keeper' else 'serve'}")
    code: int = module.main()
    return code


sys.exit(run())
