"""A byte that changed on disk: its receiver refuses it, `verify` finds it, and it is offered no more."""

import unittest
from pathlib import Path

from chunking import chunk_at
from cluster import ClusterTestCase
from node import Node
from payload import MIB, digests, flip_byte, tree

MODEL = "acme/detector"
SIZES = {"model.bin": 4 * MIB, "other.bin": 100_000}
TOTAL = sum(SIZES.values())
OFFSET = 1 * MIB + 5


class AtRestTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = tree(self.cluster.folder / "files", SIZES)
        self.a = self.cluster.first("a")
        self.b = self.cluster.join("b")
        self.b.run("follow", MODEL)
        self.a.run("seed", self.files, "--model", MODEL, "--version", "1")
        self.b.wait_complete(MODEL, "1")
        self.damaged = self.b.wait_current(MODEL, "1") / "model.bin"

        self.chunk = chunk_at(self.files / "model.bin", OFFSET, TOTAL)

    def leave_b_alone(self) -> Node:
        """A node that has joined and waits to be started; a, from which b could mend its copy, is away."""
        node = self.cluster.join("c", start=False)
        self.a.stop()
        return node

    def get_from_b(self, node: Node) -> None:
        """Lets the node get what b has: all but the damaged chunk."""
        node.start("--peer", self.b.address)
        node.wait_connected("b")
        node.run("get", f"{MODEL}@1", "--no-wait")
        rest = TOTAL - self.chunk
        node.wait_for(lambda s: [m for m in s["models"] if m["bytes_verified"] == rest], 60, "all but a chunk")

    def test_receiver_refuses_a_damaged_chunk_names_its_sender_and_completes_elsewhere(self) -> None:
        flip_byte(self.damaged, OFFSET)
        c = self.leave_b_alone()
        c.start("--peer", self.b.address)
        c.wait_connected("b")
        c.run("get", f"{MODEL}@1", "--no-wait")
        blamed = c.wait_for(lambda s: [n for n in s["neighbours"] if n["name"] == "b" and n["reason"]], 60, "b named")
        self.assertEqual(blamed[0]["state"], "set-aside")
        self.assertFalse(c.current(MODEL).exists())
        self.a.start()
        c.wait_complete(MODEL, "1", seconds=90)
        self.assertEqual(digests(c.wait_current(MODEL, "1")), digests(self.files))
        # The served version stays where it was, and is not offered with its damage any more.
        self.assertTrue(self.b.model(MODEL, "1")["current"])
        self.assertTrue(self.damaged.exists())

    def test_verify_finds_the_damage_and_it_is_offered_no_more(self) -> None:
        self.assertEqual(self.b.run("verify").code, 0)
        c = self.leave_b_alone()
        flip_byte(self.damaged, OFFSET)
        result = self.b.run("verify", MODEL, "--json", code=3)
        self.assertIn(f"{MODEL}@1", result.err)
        self.assertIn("model.bin", result.out)
        self.get_from_b(c)
        self.assertEqual(c.neighbour("b")["state"], "connected")
        self.assertEqual(c.model(MODEL, "1")["wasted_bytes"], 0)
        taken = c.neighbour("b")["received_bytes"]
        self.a.start()
        c.wait_complete(MODEL, "1", seconds=60)
        # From a, or from b once that has mended its copy from a.
        came = c.neighbour("b")["received_bytes"] - taken + c.neighbour("a")["received_bytes"]
        self.assertEqual(came, self.chunk)
        self.assertEqual(digests(c.current(MODEL)), digests(self.files))
        self.assertTrue(self.b.model(MODEL, "1")["current"])

    def test_damage_is_still_known_after_a_restart(self) -> None:
        c = self.leave_b_alone()
        flip_byte(self.damaged, OFFSET)
        self.b.run("verify", code=3)
        self.b.stop()
        self.b.start()
        self.get_from_b(c)
        self.assertEqual(c.model(MODEL, "1")["wasted_bytes"], 0)

    def test_files_that_are_cut_short_or_gone_are_damage_too(self) -> None:
        folder = Path(self.b.current(MODEL)).resolve()
        folder.chmod(0o755)
        (folder / "other.bin").unlink()
        self.damaged.chmod(0o644)
        with open(self.damaged, "r+b") as file:
            file.truncate(MIB)
        result = self.b.run("verify", "--json", code=3)
        self.assertIn("other.bin", result.out)
        self.assertIn("model.bin", result.out)


if __name__ == "__main__":
    unittest.main()
