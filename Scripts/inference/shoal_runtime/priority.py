"""What is done beside requests gives way to them."""

from __future__ import annotations

import os
import threading

NICENESS = 10
"""Added to the niceness of the thread: requests go first."""
NICENESS_MAX = 19


def yield_to_requests() -> None:
    """Lowers the priority of this thread alone, where the system can."""
    thread = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, thread, min(NICENESS_MAX, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS))
    except (AttributeError, OSError):
        pass
