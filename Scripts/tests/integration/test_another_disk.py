"""A disk that is not the one that was there: an older copy, another node's, one mounted over it."""

import os
import subprocess
import unittest
from pathlib import Path

from cluster import ClusterTestCase
from node import Node
from payload import KIB, MIB, digests, fill
from waiting import wait_until

MODEL = "acme/detector"


class AnotherDiskTest(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.source = self.cluster.folder / "source"
        self.a = self.cluster.first("a")
        self.b = self.cluster.join("b", "--peer", self.a.address)
        self.b.run("follow", MODEL)

    def publish(self, tag: str, seed: int, model: str = MODEL) -> None:
        fill(self.source / "weights", 2 * MIB, seed)
        fill(self.source / "deep" / "more", 100 * KIB, seed + 100)
        self.a.run("seed", self.source, "--model", model, "--version", tag)

    def copy(self, source: Path, target: Path) -> None:
        subprocess.run(["rm", "-rf", target], check=True)
        subprocess.run(["cp", "-a", source, target], check=True)

    def assert_whole(self, node: Node, tag: str) -> None:
        # Checks all the while: they must not keep the repair from its end.
        wait_until(lambda: node.run("verify", code=None).code == 0, 25, f"{node.name} finds nothing damaged")
        self.assertEqual(digests(node.wait_current(MODEL, tag)), digests(self.source))

    def test_an_older_copy_of_the_disk_is_caught_up(self) -> None:
        self.publish("1", seed=1)
        self.b.wait_current(MODEL, "1")
        self.b.stop()
        self.copy(self.b.state, self.cluster.folder / "older")
        self.b.start()
        self.publish("2", seed=2)
        self.b.wait_current(MODEL, "2")
        self.b.stop()
        self.copy(self.cluster.folder / "older", self.b.state)
        self.b.start()
        self.b.wait_complete(MODEL, "2")
        self.assert_whole(self.b, "2")

    def test_records_without_their_files_are_not_believed(self) -> None:
        """The files went back to an older state, what the agent wrote of them did not."""
        self.publish("1", seed=1)
        self.b.wait_current(MODEL, "1")
        self.b.stop()
        self.copy(self.b.state / "models", self.cluster.folder / "older")
        self.b.start()
        self.publish("2", seed=2)
        self.b.wait_current(MODEL, "2")
        self.b.stop()
        self.copy(self.cluster.folder / "older", self.b.state / "models")
        self.b.start()
        self.b.wait_complete(MODEL, "2")
        self.assert_whole(self.b, "2")

    def test_another_nodes_disk_is_hashed_before_a_byte_of_it_is_used(self) -> None:
        """Like names and sizes, other bytes: what lies there is of another version under this one's name."""
        c = self.cluster.join("c", "--peer", self.a.address)
        c.run("follow", MODEL)
        self.publish("1", seed=1)
        for node in (self.b, c):
            node.wait_current(MODEL, "1")
            node.stop()
        for path in self.current_files(c):
            before = path.stat()
            path.chmod(0o600)
            path.write_bytes(os.urandom(before.st_size))
            path.chmod(0o440)
        self.copy(c.state / "models", self.b.state / "models")
        # A newcomer that knows nobody else asks for it, before anybody has had it checked.
        d = self.cluster.join("d", start=False)
        self.a.stop()
        self.b.start()
        d.start("--peer", self.b.address)
        d.wait_connected("b")
        d.run("get", f"{MODEL}@1", "--no-wait")
        self.b.wait_for(lambda _: "damaged" in self.b.model(MODEL, "1")["error"], 30, "b knows what it has")
        self.assertEqual(d.model(MODEL, "1")["bytes_verified"], 0)
        self.a.start()
        self.assert_whole(self.b, "1")
        c.start()
        self.assert_whole(c, "1")

    def current_files(self, node: Node) -> list[Path]:
        return [path for path in node.current(MODEL).resolve().rglob("*") if path.is_file()]

    @unittest.skipUnless(os.geteuid() == 0, "mounting a file system needs root")
    def test_a_disk_mounted_over_the_models_alone_is_named_and_may_go_again(self) -> None:
        self.publish("1", seed=1)
        self.b.wait_current(MODEL, "1")
        models = self.b.state / "models"
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", models], check=True)
        self.addCleanup(subprocess.run, ["umount", models], check=False, stderr=subprocess.DEVNULL)
        self.addCleanup(self.cluster.end)
        self.assert_fails(self.b, "verify", code=3, says="damaged")
        self.b.wait_for(lambda _: "on another file system" in self.b.model(MODEL, "1")["error"], 20, "b says why")
        subprocess.run(["umount", models], check=True)
        self.assert_whole(self.b, "1")
        self.assertEqual(self.b.model(MODEL, "1")["error"], "")


if __name__ == "__main__":
    unittest.main()
