"""The Python agent in a cluster of real agents: it acts with that cluster's own keys, for good and for bad."""

import contextlib
import importlib.util
import sys
import unittest
from collections.abc import Iterator
from typing import Any

from cluster import Cluster, ClusterTestCase
from node import ROOT

sys.path.insert(0, str(ROOT / "Scripts" / "interop"))

HAS_PACKAGES = importlib.util.find_spec("cryptography") is not None and importlib.util.find_spec("OpenSSL") is not None
needs_packages = unittest.skipUnless(HAS_PACKAGES, "the interop agent's packages are missing: Scripts/install")

# Our file of a key -> the name under which the Python agent looks for it.
KEYS = {"root.pem": "root", "publish.pem": "publisher", "operator.pem": "operator"}


def authority(cluster: Cluster) -> Any:
    """All the keys of a cluster, as the Python agent's `Cluster`."""
    from shoal_interop.identity_folder import load_cluster

    first = next(iter(cluster.nodes.values()))
    folder = cluster.folder / "interop"
    folder.mkdir(exist_ok=True)
    for name, wanted in KEYS.items():
        (folder / f"{wanted}.key.pem").write_bytes((cluster.keys / name).read_bytes())
    (folder / "ca.key.pem").write_bytes((first.state / "keys" / "ca.pem").read_bytes())
    root = first.ask("publish", model="any", tag="any")["root"]
    (folder / "root.shoal").write_bytes(bytes.fromhex(root))
    return load_cluster(folder)


class InteropTestCase(ClusterTestCase):
    """One real node, `a`, and the keys of its cluster in `self.authority`."""

    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.authority = authority(self.cluster)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.a.address.split(":")
        return host, int(port)

    @contextlib.contextmanager
    def agent(self, name: str, identity: Any = None, **options: Any) -> Iterator[Any]:
        """A Python agent that is not connected yet."""
        from shoal_interop.agent import Agent

        with Agent(identity or self.authority.identity(name), **options) as agent:
            yield agent

    def row(self, name: str) -> dict[str, Any]:
        """What `a` says of a neighbour by that name; empty if it says nothing."""
        return self.a.neighbour(name) or {}
