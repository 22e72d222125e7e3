"""A cluster of real agents on loopback, in a folder of its own, and the test case that ends it.

Every test gets a new cluster. Agents that a test left running are ended; one that ended by itself fails the test. What
the agents logged is shown when a test fails, and its folder is kept if SHOAL_TEST_KEEP is set.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node import SHOAL, Node

NAME_BYTES_MAX = 107  # of a unix socket's path


class Cluster:
    """Nodes that share a root of trust."""

    def __init__(self, folder: Path | None = None) -> None:
        # Not /tmp, which is memory on some machines.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="shoal-", dir=os.environ.get("TMPDIR", "/var/tmp")))
        self.keys = self.folder / "keys"
        self.nodes: dict[str, Node] = {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOAL")}
        self.environment = {**kept, "HOME": str(self.folder), "SHOAL_KEYS": str(self.keys)}

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def make(self, name: str) -> Node:
        """A node that is in no cluster yet."""
        node = Node(name, self.folder / name, self.environment)
        assert len(str(node.state / "run" / "control.sock")) <= NAME_BYTES_MAX, f"{node.state} is too long for a socket"
        self.nodes[name] = node
        return node

    def first(self, name: str = "a", *options: object) -> Node:
        """Makes the cluster with its first node, and starts that node's agent."""
        node = self.make(name)
        node.run("init", "--cluster", "test", "--node", name)
        node.start(*options)
        return node

    def token(self, *options: object) -> str:
        """A token that the first node made."""
        issuer = next(iter(self.nodes.values()))
        return issuer.run("token", "create", *options, "--json").json["token"]

    def join(self, name: str, *options: object, start: bool = True) -> Node:
        """Lets another node in, through the first one, and starts its agent."""
        issuer = next(iter(self.nodes.values()))
        node = self.make(name)
        node.run("join", self.token(), "--peer", issuer.address, "--node", name)
        if start:
            node.start(*options)
        return node

    def end(self) -> list[str]:
        """Ends what runs; the names of the nodes whose agents had ended by themselves."""
        fallen = []
        for node in self.nodes.values():
            if node.process is None:
                continue
            if node.process.poll() is not None:
                fallen.append(f"{node.name} (exit code {node.process.returncode})")
            node.process.kill()
            node.process.wait()
            node.process = None
        return fallen

    def remove(self) -> None:
        """Deletes the folder; files of versions are read-only, and so may be their folders."""
        if os.environ.get("SHOAL_TEST_KEEP"):
            print(f"kept: {self.folder}", file=sys.stderr)
            return
        subprocess.run(["chmod", "-R", "u+rwX", str(self.folder)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


class ClusterTestCase(unittest.TestCase):
    """A test with a cluster of its own, `self.cluster`."""

    cluster: Cluster
    log_lines = 60

    @classmethod
    def setUpClass(cls) -> None:
        if not SHOAL.exists():
            raise AssertionError(f"there is no {SHOAL}; run `swift build`, or name the binary in SHOAL")

    def setUp(self) -> None:
        self.cluster = Cluster()
        self.addCleanup(self._end)

    def _end(self) -> None:
        fallen = self.cluster.end()
        if fallen:
            self.fail(f"agents ended by themselves: {', '.join(fallen)}")

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        assert result is not None, "run by a runner only"
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if not hasattr(self, "cluster"):
            return result
        if len(result.failures) + len(result.errors) > before:
            print(f"\n--- {self.id()} failed", file=sys.stderr)
            for node in self.cluster.nodes.values():
                print(node.log_tail(self.log_lines), file=sys.stderr)
        self.cluster.remove()
        return result

    # Assertions that several tests share

    def assert_fails(self, node: Node, *arguments: object, code: int, says: str = "") -> str:
        """The command ends with this code and tells why on stderr, in which `says` stands; the text."""
        result = node.run(*arguments, code=code)
        self.assertTrue(result.err.strip(), f"shoal {arguments} failed without a word")
        self.assertIn(says.lower(), result.err.lower())
        return result.err

    def assert_each(self, nodes: list[Node], check: Callable[[Node], Any]) -> None:
        for node in nodes:
            with self.subTest(node=node.name):
                check(node)
