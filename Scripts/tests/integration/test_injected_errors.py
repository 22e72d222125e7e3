"""System calls that fail, from outside, with strace: the in-process tests of the store do so for every call."""

import shutil
import subprocess
import unittest

from cluster import ClusterTestCase
from node import Node
from payload import MIB, digests, tree
from waiting import wait_until

MODEL = "acme/detector"
# Call, error, and which call of the thread fails. Calls are counted by thread, so there is one thread in the pool. The
# first few are the start's; those beyond them are a fetch's.
FAULTS = [
    *(("fsync", "EIO", when) for when in (2, 6, 8, 10, 12, 14)), ("fsync", "ENOSPC", 9),
    ("pwrite64", "EIO", 1), ("pwrite64", "ENOSPC", 5), ("fallocate", "ENOSPC", 1),
    ("renameat,renameat2", "EIO", 1), ("renameat,renameat2", "EIO", 3), ("mkdirat", "ENOSPC", 2),
    ("mkdirat", "ENOSPC", 9), ("mkdirat", "ENOSPC", 11), ("mkdirat", "ENOSPC", 13),
]
NAMED = ("input/output error", "disk full", "no space left")


def can_trace() -> bool:
    """Whether strace is here, and the machine lets it look at processes."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False, stderr=subprocess.DEVNULL)
    return tried.returncode == 0


@unittest.skipUnless(can_trace(), "needs strace, and a machine that lets it trace")
class InjectedErrorTests(ClusterTestCase):
    def test_a_fetch_in_which_one_call_fails_ends_well_or_goes_on_after_a_restart(self) -> None:
        a = self.cluster.first("a")
        files = tree(self.cluster.folder / "files", {"model.bin": 2 * MIB, "deep/config.json": 5_000})
        a.run("seed", files, "--model", MODEL, "--version", "1")
        fetches_hit = set()
        for number, (call, error, when) in enumerate(FAULTS):
            with self.subTest(call=call, error=error, when=when):
                b = self.cluster.join(f"b{number}")
                b.stop()
                trace = b.folder / "trace"
                b.environment = {**b.environment, "UV_THREADPOOL_SIZE": "1"}
                # With -D the agent is the process that was started, not strace.
                b.prefix = ["strace", "-D", "-f", "-qq", "-o", str(trace), "-e", f"trace={call}",
                            "-e", f"inject={call}:error={error}:when={when}"]
                if self.starts(b):
                    b.prefix = []
                    b.run("get", f"{MODEL}@1", "--wait", "20", code=None)
                    b.stop()
                    if "INJECTED" in trace.read_text():
                        fetches_hit.add(call)
                b.prefix = []
                b.start()
                b.run("get", f"{MODEL}@1", "--wait", "30")
                b.run("verify")
                self.assertEqual(digests(b.wait_current(MODEL, "1")), digests(files))
                b.stop()
        self.assertEqual(fetches_hit, {call for call, _, _ in FAULTS})

    def starts(self, node: Node) -> bool:
        """Whether the agent starts; if the failing call was one of its start's, it says so and ends."""
        node.start(wait=False)
        assert node.process is not None

        def is_decided() -> bool:
            return node.process.poll() is not None or node.ask("status") is not None

        wait_until(is_decided, 20, "the agent answers or ends")
        if node.process.poll() is None:
            return True
        self.assertIn(node.process.returncode, (1, 75, 78), node.log_tail())
        self.assertTrue(any(name in node.log_tail(3) for name in NAMED), node.log_tail())
        node.process = None
        return False


if __name__ == "__main__":
    unittest.main()
