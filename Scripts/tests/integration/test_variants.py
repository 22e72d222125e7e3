"""One version with several variants: each node takes the one that is for it, and they trade what they share."""

import json

from cluster import ClusterTestCase
from node import Node
from payload import KIB, digests, fill


def take(name: str, folder) -> str:
    """A configuration file that chooses a variant of every model."""
    path = folder / f"{name}.toml"
    path.write_text(f'variants = {{ "*" = "{name}" }}\n')
    return str(path)


class VariantsTest(ClusterTestCase):
    def test_each_node_takes_its_variant_and_shared_chunks_are_traded(self) -> None:
        a = self.cluster.first("a")
        b = self.cluster.join("b", "--peer", a.address, "--config", take("small", self.cluster.folder))
        c = self.cluster.join("c", "--peer", b.address, "--config", take("large", self.cluster.folder))
        sources = {name: self.cluster.folder / "source" / name for name in ("small", "large")}
        for folder in sources.values():
            fill(folder / "shared", 400 * KIB, seed=1)
        fill(sources["small"] / "own", 100 * KIB, seed=2)
        fill(sources["large"] / "own", 300 * KIB, seed=3)
        options = [f"--variant={name}={folder}" for name, folder in sources.items()]
        lineage = self.cluster.folder / "lineage.json"
        lineage.write_text(json.dumps({"dataset": "coco", "metrics": {"map50": 0.5}}))
        seeded = a.run("seed", *options, "--model", "m", "--version", "one", "--lineage", lineage, "--json").json
        self.assertEqual(seeded["files"], 4)
        b.run("get", "m@one", "--wait", "30")
        a.kill()  # b has the shared chunks, and its own
        del self.cluster.nodes["a"]
        got = c.begin("get", "m@one", "--wait", "60")
        # From a node that has the other variant.
        c.wait_for(lambda status: self.verified(c) >= 400 * KIB, 30, "the shared chunks")
        a = self.restart(a)
        self.assertEqual(got.wait(60), 0)
        for node, name in ((b, "small"), (c, "large")):
            row = node.model("m", "one")
            self.assertEqual(row["variant"], name)
            self.assertEqual(digests(node.wait_current("m", "one")), digests(sources[name]))
        shown = c.run("show", "m@one").out
        self.assertIn("lineage    dataset: coco", shown)
        self.assertIn("lineage    metrics.map50: 0.5", shown)
        got.stdout.close()
        got.stderr.close()

    def restart(self, node: Node) -> Node:
        self.cluster.nodes["a"] = node
        node.start()
        return node

    @staticmethod
    def verified(node: Node) -> int:
        return (node.model("m", "one") or {}).get("bytes_verified", 0)

    def test_variants_are_said_in_one_way(self) -> None:
        a = self.cluster.first("a")
        source = self.cluster.folder / "source"
        fill(source / "x", 1, seed=1)
        for options in ((), (source, f"--variant=a={source}"), ("--variant=a",), (f"--variant=a={source}",) * 2):
            self.assert_fails(a, "seed", *options, "--model", "m", "--version", "one", code=64)
