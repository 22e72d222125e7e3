"""Authority is judged before each switch: what a new root takes from a publisher is not switched to, and serves on."""

import unittest
from pathlib import Path

from interop import InteropTestCase, needs_packages
from payload import MIB, digests, tree

MODEL = "acme/detector"


@needs_packages
class EntitlementTests(InteropTestCase):
    def publish(self, tag: str, seed: int) -> Path:
        files = tree(self.cluster.folder / tag, {"model.bin": MIB}, seed)
        self.a.run("seed", files, "--model", MODEL, "--version", tag)
        self.a.wait_current(MODEL, tag)
        return files

    def push(self, *documents: object) -> None:
        """A neighbour brings these documents and, before them, the newest root."""
        before = self.a.log.read_text().count("a new head")
        with self.agent("courier", documents=documents) as courier:
            courier.dial(self.address)
            self.a.wait_connected("courier")
            after = before + len(documents)
            self.a.wait_for(lambda _: self.a.log.read_text().count("a new head") == after, 10, "the heads")
            self.a.wait_for(lambda _: "a new root" in self.a.log.read_text(), 10, "the root")

    def test_a_version_whose_publisher_lost_the_right_is_not_switched_to_and_the_current_one_stays(self) -> None:
        from shoal_interop.maker import sort_keys

        self.publish("1", seed=1)
        old = self.publish("2", seed=2)
        first = next(row["version"] for row in self.a.status()["models"] if row["tag"] == "1")
        publisher = self.authority.publish_key.spki
        keys = [key for key in self.authority.root.keys if key.spki != publisher]
        self.authority.advance_root(keys=sort_keys(keys))
        self.push(self.authority.head(MODEL, bytes.fromhex(first), counter=10))
        for restart in (False, True):
            if restart:
                self.a.stop()
                self.a.start()
            self.assertEqual(digests(self.a.current(MODEL)), digests(old))
            row = self.a.model(MODEL, "2")
            self.assertEqual((row["state"], row["current"]), ("ready", True))


if __name__ == "__main__":
    unittest.main()
