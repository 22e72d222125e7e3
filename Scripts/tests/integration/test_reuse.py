"""A version costs only what changed: bytes that are here are taken from here, as shared blocks where the disk can."""

import json
import os
import shutil
import struct
import unittest
from pathlib import Path

from cluster import Cluster, ClusterTestCase
from disk import Disk, can_mount
from node import Node
from payload import KIB, MIB, digests, fill


def received(node: Node, model: str, tag: str) -> dict:
    row = node.model(model, tag)
    assert row is not None
    return row["received_bytes"]


def write_safetensors(path: Path, tensors: dict[str, bytes], metadata: dict[str, str]) -> None:
    header, data = {"__metadata__": metadata}, b""
    for name, content in tensors.items():
        entry = {"dtype": "U8", "shape": [len(content)], "data_offsets": [len(data), len(data) + len(content)]}
        header[name] = entry
        data += content
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class ReuseTest(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.b = self.cluster.join("b", "--peer", self.a.address)
        self.source = self.cluster.folder / "source"

    def publish(self, model: str, tag: str, *options: object) -> None:
        self.a.run("seed", self.source, "--model", model, "--version", tag, *options)
        self.b.run("get", f"{model}@{tag}", "--wait", "30")
        self.assertEqual(digests(Path(self.b.run("get", f"{model}@{tag}").out.strip())), digests(self.source))

    def test_a_changed_tensor_and_a_longer_header_cost_that_tensor(self) -> None:
        tensors = {f"layer.{number}": os.urandom(300 * KIB) for number in range(8)}
        write_safetensors(self.source / "model.safetensors", tensors, {})
        self.publish("m", "one")
        tensors["layer.6"] = os.urandom(300 * KIB)
        write_safetensors(self.source / "model.safetensors", tensors, {"note": "longer than before"})
        self.publish("m", "two")
        moved = received(self.b, "m", "two")
        self.assertLess(moved["neighbour"], 304 * KIB)
        self.assertGreaterEqual(moved["neighbour"], 300 * KIB)

    def test_an_insertion_costs_itself_and_the_chunks_around_it(self) -> None:
        fill(self.source / "weights", 8 * MIB, seed=1)
        self.publish("m", "one")
        content = (self.source / "weights").read_bytes()
        (self.source / "weights").write_bytes(content[:100_000] + os.urandom(100_000) + content[100_000:])
        self.publish("m", "two")
        self.assertLess(received(self.b, "m", "two")["neighbour"], 100_000 + 12 * 16 * KIB)

    def test_a_renamed_file_and_one_of_another_model_cost_nothing(self) -> None:
        fill(self.source / "weights", 2 * MIB, seed=1)
        self.publish("m", "one")
        (self.source / "weights").rename(self.source / "other")
        self.publish("m", "two")
        self.assertEqual(received(self.b, "m", "two")["neighbour"], 0)
        # So many more bytes that the other model's chunks are of another size.
        (self.source / "deep").mkdir()
        (self.source / "other").rename(self.source / "deep" / "weights")
        fill(self.source / "more", 150 * MIB, seed=2)
        self.publish("another/model", "one")
        expected = {"neighbour": 150 * MIB, "origin": 0, "local": 2 * MIB}
        self.assertEqual(received(self.b, "another/model", "one"), expected)

    def test_bytes_come_from_a_folder_that_is_named(self) -> None:
        fill(self.source / "weights", 4 * MIB, seed=1)
        self.a.run("seed", self.source, "--model", "m", "--version", "one")
        local = self.cluster.folder / "usb"
        local.mkdir()
        shutil.copy(self.source / "weights", local / "anything")
        self.assert_fails(self.b, "get", "m@one", "--reuse-from", self.cluster.folder / "missing", code=4)
        self.b.run("get", "m@one", "--reuse-from", local, "--wait", "30")
        self.assertEqual(received(self.b, "m", "one"), {"neighbour": 0, "origin": 0, "local": 4 * MIB})

    def test_a_plan_says_what_a_version_would_cost_and_fetches_nothing(self) -> None:
        fill(self.source / "weights", 2 * MIB, seed=1)
        self.publish("m", "one")
        fill(self.source / "more", 300 * KIB, seed=2)
        self.a.run("seed", self.source, "--model", "m", "--version", "two")
        plan = self.b.run("get", "m@two", "--plan", "--json").json
        self.assertEqual(plan["bytes_total"], 2 * MIB + 300 * KIB)
        self.assertEqual((plan["bytes_reused"], plan["bytes_transfer"]), (2 * MIB, 300 * KIB))
        self.assertFalse(plan["complete"])
        self.assertIn("to transfer   300.0 KiB", self.b.run("get", "m@two", "--plan").out)
        self.assertIsNone(self.b.model("m", "two"))
        self.assertIn("is complete here", self.b.run("get", "m@one", "--plan").out)
        self.assert_fails(self.b, "get", "m@three", "--plan", code=4)

    def test_plain_files_are_copied_to_a_folder(self) -> None:
        fill(self.source / "weights", 200 * KIB, seed=1)
        fill(self.source / "deep" / "er", 1, seed=2)
        self.publish("m", "one")
        target = self.cluster.folder / "plain"
        self.assertEqual(Path(self.b.run("get", "m@one", "--output", target).out.strip()), target.resolve())
        self.assertEqual(digests(target), digests(self.source))
        (target / "weights").write_bytes(b"mine now")
        self.b.run("verify")
        self.assert_fails(self.b, "get", "m@one", "--output", target, code=1, says="not empty")
        self.assert_fails(self.b, "get", "m@one", "--output", target / "new", "--no-wait", code=64)

    def test_a_part_of_a_version_is_fetched_as_plain_files_and_is_no_version(self) -> None:
        fill(self.source / "weights", 3 * MIB, seed=1)
        fill(self.source / "deep" / "config.json", 5 * KIB, seed=2)
        fill(self.source / "tokens.json", 300 * KIB, seed=3)
        self.a.run("seed", self.source, "--model", "m", "--version", "one")
        target = self.cluster.folder / "part"
        part = self.b.run("get", "m@one", "--include", "*.json", "--output", target, "--json").json
        self.assertEqual((part["files"], part["bytes"]), (["deep/config.json", "tokens.json"], 305 * KIB))
        wanted = {path: digest for path, digest in digests(self.source).items() if path.endswith(".json")}
        self.assertEqual(digests(target), wanted)
        self.assertLess(self.b.neighbour("a")["received_bytes"], 400 * KIB)
        self.assertIsNone(self.b.model("m", "one"))
        self.assertEqual(list((self.b.state / "staging").glob("*")), [])
        self.assert_fails(self.b, "get", "m@one", "--include", "*.json", "--output", target, code=1, says="not empty")
        self.assert_fails(self.b, "get", "m@one", "--include", "*.txt", "--output", target / "x", code=4)
        self.assert_fails(self.b, "get", "m@one", "--include", "*.json", code=64, says="--output")
        # All of it may be had afterwards, and a part of it then comes from here.
        self.b.run("get", "m@one", "--wait", "30")
        before = self.b.neighbour("a")["received_bytes"]
        self.b.run("get", "m@one", "--include", "weights", "--output", self.cluster.folder / "other")
        self.assertEqual(list(digests(self.cluster.folder / "other")), ["weights"])
        self.assertEqual(self.b.neighbour("a")["received_bytes"], before)

    def test_a_part_and_the_whole_at_once_do_not_disturb_each_other(self) -> None:
        fill(self.source / "weights", 3 * MIB, seed=1)
        fill(self.source / "config.json", 5 * KIB, seed=2)
        self.a.run("seed", self.source, "--model", "m", "--version", "one")
        self.b.run("limit", "--download", "500kB/s")
        whole = self.b.begin("get", "m@one", "--wait", "60")
        self.b.wait_for(lambda s: [f for f in s["fetches"] if f["bytes_done"] > 0], 30, "the whole is being fetched")
        target = self.cluster.folder / "part"
        self.assert_fails(self.b, "get", "m@one", "--include", "*.json", "--output", target, code=75, says="get all")
        self.b.run("limit", "--clear")
        self.assertEqual(whole.wait(60), 0)
        whole.communicate()

    def test_a_parent_is_named_by_the_manifest_and_must_be_known(self) -> None:
        fill(self.source / "weights", 100 * KIB, seed=1)
        self.publish("m", "one")
        self.assert_fails(
            self.a, "seed", self.source, "--model", "m", "--version", "two", "--parent", "none", code=4, says="none")


@unittest.skipUnless(can_mount(), "needs root and loop devices")
class SharedBlocksTest(unittest.TestCase):
    """On XFS, what is reused takes no space."""

    def test_a_version_that_is_here_already_takes_no_new_blocks(self) -> None:
        disk = Disk("xfs", 600 * MIB)
        self.addCleanup(disk.remove)
        cluster = Cluster(disk.path / "cluster")
        self.addCleanup(cluster.end)
        a = cluster.first("a")
        b = cluster.join("b", "--peer", a.address)
        source = disk.path / "source"
        fill(source / "weights", 64 * MIB + 5, seed=1)
        a.run("seed", source, "--model", "m", "--version", "one")
        b.run("get", "m@one", "--wait", "60")
        before = disk.used()
        (source / "weights").rename(source / "other")
        a.run("seed", source, "--model", "m", "--version", "two")
        b.run("get", "m@two", "--wait", "60")
        self.assertLess(disk.used() - before, 2 * MIB)
        self.assertEqual(digests(Path(b.run("get", "m@two").out.strip())), digests(source))
        fill(source / "more", 4 * MIB, seed=2)
        before = disk.used()
        a.run("seed", source, "--model", "m", "--version", "three")
        b.run("get", "m@three", "--wait", "60")
        # Once in the source, once on b; on a it shares the source's blocks.
        self.assertLess(disk.used() - before, 2 * 4 * MIB + 2 * MIB)
