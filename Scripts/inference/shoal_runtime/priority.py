"""What is done beside requests gives way to them."""

from __future__ import annotations

import os
import struct
import threading
import time

NICENESS = 10
"""Added to the niceness of the thread: requests go first, and yet a busy machine leaves it a tenth of a core."""
NICENESS_MAX = 19
SLICE_NANOSECONDS = 20_000_000
"""The thread's slice, longer than any default. Since Linux 6.12 a thread that wakes up may go before one whose slice is
longer; before one with an equal slice it waits for that to end, however nice that is. Measured on 6.18."""
PAUSE_SECONDS = 0.0002
"""Long enough for a thread that waits for the interpreter to wake up and take it."""

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
# struct sched_attr (sched_setattr(2)): size, policy, flags, nice, priority, runtime (the slice), deadline, period
_SCHED_ATTR = "=IIQiIQQQ"


def yield_to_requests() -> None:
    """Lowers the priority of this thread alone, as far as the system can."""
    thread = threading.get_native_id()
    for step in (_add_niceness, _lengthen_slice):
        try:
            step(thread)
        except (AttributeError, ImportError, OSError):
            pass


def _add_niceness(thread: int) -> None:
    niceness = min(NICENESS_MAX, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
    os.setpriority(os.PRIO_PROCESS, thread, niceness)


def _lengthen_slice(thread: int) -> None:
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is None or os.sched_getscheduler(thread) != os.SCHED_OTHER:
        return
    import ctypes  # Not every Python has it.

    if ctypes.sizeof(ctypes.c_void_p) == 8:
        niceness = os.getpriority(os.PRIO_PROCESS, thread)
        size = struct.calcsize(_SCHED_ATTR)
        attributes = struct.pack(_SCHED_ATTR, size, os.SCHED_OTHER, 0, niceness, 0, SLICE_NANOSECONDS, 0, 0)
        # A kernel that knows no slices says nothing, one without the call refuses.
        ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_int(thread), attributes, ctypes.c_uint(0))


def let_requests_in() -> None:
    """Gives up the interpreter for a moment: to be called between the steps of long work in Python, such as a load."""
    time.sleep(PAUSE_SECONDS)
