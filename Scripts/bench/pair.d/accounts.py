"""What processes cost: processor seconds, peak memory, and what others took of the machine meanwhile."""

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """What a process and its children that have ended took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def peak_memory(pid: int) -> int:
    """The most resident bytes of a process so far (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


class Machine:
    """Watches the whole machine from its making until `foreign_share`."""

    def __init__(self) -> None:
        self.began, self.busy_before = time.monotonic(), self._busy()

    @staticmethod
    def _busy() -> float:
        fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
        return (sum(fields) - fields[3] - fields[4]) / TICKS  # without idle and waiting for disks

    def foreign_share(self, own_seconds: float) -> float:
        """The share of all processors that went to neither us nor idleness."""
        whole = (time.monotonic() - self.began) * (os.cpu_count() or 1)
        return max(0.0, self._busy() - self.busy_before - own_seconds) / whole
