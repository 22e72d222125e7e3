"""One seed and ten agents in network namespaces, each link shaped to 50 Mbit/s, with swarmbench: it completes.

The time is printed beside the physical limit. How other systems fare is in Scripts/bench; this is no benchmark, since
the agents under test are a debug build.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from node import ROOT, SHOAL

BENCH = ROOT / "Scripts" / "bench"
NODES = 10
RATE_MEGABITS = 50
SIZE_MEBIBYTES = 100
SECONDS_MAX = 600
TRANSFER_SECONDS_MAX = 180


def obstacle() -> str:
    """Why network namespaces cannot be used here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in ("ip", "tc", "iperf3") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} are missing: Scripts/install --bench"
    if not Path("/sys/fs/cgroup/cpuacct").is_dir():
        return "swarmbench needs cgroup v1 with cpuacct"
    probe = subprocess.run(["ip", "netns", "exec", "sb-probe", "true"], capture_output=True, text=True, timeout=10)
    if "Cannot open" not in probe.stderr:
        return f"network namespaces do not work: {probe.stderr.strip()}"
    return ""


class NamespaceTests(unittest.TestCase):
    def test_ten_agents_over_shaped_links_complete(self) -> None:
        if reason := obstacle():
            self.skipTest(reason)
        with tempfile.TemporaryDirectory(prefix="shoal-") as folder:
            results = Path(folder) / "results.jsonl"
            command = [
                sys.executable, "-B", "-m", "swarmbench", "run", "--systems", "exec:shoal",
                "--opt", f"exec:shoal.dir={BENCH / 'adapters' / 'shoal'}", "--nodes", NODES, "--rate", RATE_MEGABITS,
                "--size", SIZE_MEBIBYTES, "--timeout", TRANSFER_SECONDS_MAX, "--json", results,
            ]
            environment = {**os.environ, "SHOAL": str(SHOAL)}
            try:
                done = subprocess.run(list(map(str, command)), cwd=BENCH, env=environment, capture_output=True,
                                      text=True, timeout=SECONDS_MAX)
            finally:
                self.addCleanup(subprocess.run, [sys.executable, "-B", "-m", "swarmbench", "clean"], cwd=BENCH,
                                timeout=60, check=False)
            self.assertTrue(results.exists(), f"no result\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
            result = json.loads(results.read_text())
        print(f"last node after {result['last_s']:.2f} s, the limit is {result['limit_s']:.2f} s; "
              f"the seed sent {result['seed_sent_copies']:.2f} copies, headers included")
        self.assertEqual(len(result["times"]), NODES)


if __name__ == "__main__":
    unittest.main()
