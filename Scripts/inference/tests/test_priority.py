from __future__ import annotations

import os
import threading
import unittest

import fake_agent  # noqa: F401  (finds the package)
from shoal_runtime import priority


def slice_nanoseconds() -> int:
    """Of the thread that asks; 0 where the kernel does not tell."""
    try:
        with open("/proc/thread-self/sched", encoding="utf-8") as file:
            lines = [line.split() for line in file if line.startswith("se.slice")]
    except OSError:
        return 0
    return int(lines[0][-1]) if lines else 0


def takes_slices() -> bool:
    """Linux before 6.12 tells the slice as well, and lets nobody choose it."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (6, 12)


class PriorityTests(unittest.TestCase):
    def run_apart(self) -> "tuple[int, int]":
        """The niceness and the slice of a thread that yields."""
        found = []

        def body() -> None:
            priority.yield_to_requests()
            found.append((os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), slice_nanoseconds()))

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        return found[0]

    def test_a_thread_yields_alone_and_by_both_means(self) -> None:
        before = (os.getpriority(os.PRIO_PROCESS, 0), slice_nanoseconds())
        niceness, length = self.run_apart()
        self.assertEqual(niceness, min(priority.NICENESS_MAX, before[0] + priority.NICENESS))
        if before[1] and takes_slices():
            self.assertEqual(length, priority.SLICE_NANOSECONDS)
        self.assertEqual((os.getpriority(os.PRIO_PROCESS, 0), slice_nanoseconds()), before)


if __name__ == "__main__":
    unittest.main()
