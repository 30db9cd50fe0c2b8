"""What the original took on the machine that the goals were set on; must never know what is measured here.

A machine may be three times as fast at what wakes up and reads, and no faster at what forks: a pace is of one kind of
work. So where the original is measured beside ours, a goal is judged by how many times better than it ours has to be.
What it does on its tick of a second, or differently from then to now, is left out: that says nothing of a machine.
"""

from __future__ import annotations

from typing import Final

ORIGINAL: Final = {
    "command to 1000 programs exec'ed": 6.1,
    "1,000 lines, 1,000 a second, 10 programs": 123.0,
    "1,000 lines, 1,000 a second, 1000 programs": 923.0,
    "1,000 lines, 100 a second, 10 programs": 378.0,
    "1,000 lines, 100 a second, 1000 programs": 6239.0,
    "1,000 lines, 20,000 a second in bursts, 10 programs": 6.5,
    "1,000 lines, 20,000 a second in bursts, 1000 programs": 48.0,
    "500 MB in 64 KiB writes, cost": 1.25,
    "500 MB in 64 KiB writes, rotated, cost": 1.25,
    "100 MB in 100-byte writes, cost": 3.6,
    "events to a listener, 10 programs": 12_700.0,
    "events to a listener, 1000 programs": 325.0,
    "getState, 10 programs": 2664.0,
    "getState, 1000 programs": 104.0,
    "getAllProcessInfo, 1000 programs": 1100.0,
    "supervisorctl status, 1000 programs": 1.33,
    "supervisorctl restart idle:*, 1000": 10.2,
}
"""By row, in its unit; the middle of what was measured."""
