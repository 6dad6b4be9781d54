"""How soon a thread of this process gets Python's lock from another: the engine's from those of the jobs, and back.

Knows the interpreter; not what the threads do.
"""

from __future__ import annotations

import sys

SWITCH_S = 0.0005


def share_the_lock() -> None:
    """A thread that computes keeps the lock until another has waited this long for it. The engine's gives it away at
    every mask and every wait for the device, and with Python's 5 ms it comes back late, behind one busy task thread
    after another. The heartbeats' and the watchdog's threads wait as everybody does, so they gain too."""
    sys.setswitchinterval(SWITCH_S)
