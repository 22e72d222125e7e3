"""Memory does not grow with the model: a 4 GiB version between two agents, each of which stays under 96 MiB."""

import contextlib
import time
import unittest
from pathlib import Path

from cluster import ClusterTestCase
from node import Node, memory_peak
from payload import KIB, MIB
from waiting import POLL_SECONDS

MODEL = "acme/large"
GIB = 1 << 30
# Past 2 GiB and past 4 GiB in one file, and not a whole number of chunks.
FILE_BYTES = 4 * GIB + 3
ISLAND_EVERY = MIB
ISLAND_BYTES = 32
MEMORY_MAX = 96 * MIB
FETCH_SECONDS_MAX = 240.0


def sparse(path: Path) -> None:
    """A file with islands in a sea of zeros: it takes little time and space, and no two chunks of it are equal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for offset in range(0, FILE_BYTES, ISLAND_EVERY):
            file.seek(offset)
            file.write(offset.to_bytes(ISLAND_BYTES // 2, "big") * 2)
        file.truncate(FILE_BYTES)


def differs(left: Path, right: Path) -> str:
    """Where two files differ; empty if they do not. Both are in the page cache, so comparing beats hashing."""
    with open(left, "rb") as a, open(right, "rb") as b:
        offset = 0
        while True:
            one, other = a.read(4 * MIB), b.read(4 * MIB)
            if one != other:
                return f"in the 4 MiB at {offset}"
            if not one:
                return ""
            offset += len(one)


class MemoryTests(ClusterTestCase):
    def test_version_of_four_gibibytes_arrives_whole_and_takes_little_memory(self) -> None:
        files = self.cluster.folder / "files"
        sparse(files / "model.bin")
        a = self.cluster.first("a")
        b = self.cluster.join("b")
        b.wait_connected("a")
        command = self.run_measured(a, "seed", files, "--model", MODEL, "--version", "1")
        b.run("get", f"{MODEL}@1", seconds=FETCH_SECONDS_MAX)
        peaks = {"seed command": command, "publishing agent": a.memory_peak(), "fetching agent": b.memory_peak()}
        print("; ".join(f"{name}: {peak // KIB} KiB at most" for name, peak in peaks.items()))
        self.assertEqual(differs(b.wait_current(MODEL, "1") / "model.bin", files / "model.bin"), "")
        for name, peak in peaks.items():
            with self.subTest(name):
                self.assertLess(peak, MEMORY_MAX)

    def run_measured(self, node: Node, *arguments: object) -> int:
        """Runs a command and returns its most resident memory in bytes, as it was seen all along."""
        peak = 0
        process = node.begin(*arguments)
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError, StopIteration):
                    peak = max(peak, memory_peak(process.pid))
                time.sleep(POLL_SECONDS)
        finally:
            process.kill()
            _, errors = process.communicate()
        self.assertEqual(process.returncode, 0, errors)
        return peak


if __name__ == "__main__":
    unittest.main()
