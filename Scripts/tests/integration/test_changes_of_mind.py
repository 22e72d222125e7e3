"""Wishes that change while a version is on its way: given up and wanted again, removed and got again, denied."""

import unittest
from pathlib import Path

from cluster import ClusterTestCase
from node import Node
from payload import MIB, digests, tree

MODEL = "acme/detector"


class ChangesOfMindTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = tree(self.cluster.folder / "files", {"model.bin": 96 * MIB, "folder/small": 1000})
        self.a = self.cluster.first("a")
        self.b = self.cluster.join("b")
        self.b.wait_connected("a")
        self.a.run("seed", self.files, "--model", MODEL, "--version", "1")

    def wait_begun(self, node: Node) -> None:
        """Until some of the version is there."""
        def begun(status: dict) -> bool:
            return any(row["model"] == MODEL and row["bytes_verified"] > 0 for row in status["models"])
        node.wait_for(begun, 30, "the fetch begins")

    def assert_complete(self, node: Node, folder: Path) -> None:
        self.assertEqual(digests(folder), digests(self.files))
        self.assertEqual(node.wait_complete(MODEL, "1")["error"], "")

    def test_a_version_that_is_followed_again_while_it_was_being_given_up_completes(self) -> None:
        self.b.run("follow", MODEL)
        self.wait_begun(self.b)
        for _ in range(3):
            self.b.run("unfollow", MODEL)
            self.b.run("follow", MODEL)
        self.b.wait_complete(MODEL, "1", seconds=60)
        self.assert_complete(self.b, self.b.wait_current(MODEL, "1"))

    def test_a_version_that_was_given_up_for_a_while_completes_when_it_is_wanted_again(self) -> None:
        self.b.run("follow", MODEL)
        self.wait_begun(self.b)
        self.b.run("unfollow", MODEL)
        got = self.b.run("get", f"{MODEL}@1", "--json", seconds=60).json
        self.assert_complete(self.b, Path(got["path"]))

    def test_a_version_that_was_removed_comes_back(self) -> None:
        self.b.run("get", f"{MODEL}@1", "--no-wait")
        self.b.run("get", f"{MODEL}@1", seconds=60)
        other = tree(self.cluster.folder / "other", {"model.bin": MIB}, seed=2)
        self.a.run("seed", other, "--model", MODEL, "--version", "2")
        self.b.run("get", f"{MODEL}@2")
        self.b.run("remove", f"{MODEL}@1")
        got = self.b.run("get", f"{MODEL}@1", "--json", seconds=60).json
        self.assert_complete(self.b, Path(got["path"]))

    def test_a_version_that_is_denied_on_its_way_stops_and_goes_on_when_that_is_taken_back(self) -> None:
        self.b.run("follow", MODEL)
        self.wait_begun(self.b)
        self.a.run("deny", f"{MODEL}@1")
        self.b.wait_for(lambda status: any(row["error"] == "denied" for row in status["models"]), 10, "it is denied")
        self.a.run("deny", f"{MODEL}@1", "--lift")
        self.b.wait_complete(MODEL, "1", seconds=60)
        self.assert_complete(self.b, self.b.wait_current(MODEL, "1"))


if __name__ == "__main__":
    unittest.main()
