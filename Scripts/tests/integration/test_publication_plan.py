"""What `shoal seed --plan` says before anything is published."""

import unittest

from cluster import ClusterTestCase
from payload import KIB, MIB, fill
from waiting import wait_until


class PublicationPlanTest(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.source = self.cluster.folder / "source"

    def plan(self) -> dict:
        return self.a.run("seed", self.source, "--model", "m", "--version", "two", "--plan", "--json").json

    def rooms(self) -> dict | None:
        """What each node's disk would still take, once all have said so."""
        rooms = {row["name"]: row["bytes_room"] for row in self.plan()["nodes"]}
        return rooms if len(rooms) == 2 and None not in rooms.values() else None

    def test_it_names_what_is_new_and_whose_disk_is_too_small_and_publishes_nothing(self) -> None:
        configuration = self.cluster.folder / "b.toml"
        configuration.write_text('disk = { quota = "3 MB", free_min = "1 MB" }\n')
        b = self.cluster.join("b", "--config", configuration)
        c = self.cluster.join("c")
        fill(self.source / "weights", 2 * MIB, seed=1)
        self.a.run("seed", self.source, "--model", "m", "--version", "one")
        b.run("get", "m@one", "--wait", "30")
        fill(self.source / "more", 2 * MIB + 300 * KIB, seed=2)
        rooms = wait_until(self.rooms, 30, "both nodes said what their disks take")
        self.assertLessEqual(rooms["b"], 3_000_000)
        self.assertGreater(rooms["c"], 5 * MIB)
        plan = self.plan()
        self.assertEqual((plan["bytes"], plan["parent"]), (4 * MIB + 300 * KIB, "one"))
        self.assertEqual((plan["bytes_new"], plan["bytes_reused"]), (2 * MIB + 300 * KIB, 2 * MIB))
        nodes = {row["name"]: row for row in plan["nodes"]}
        self.assertTrue(nodes["b"]["holds_parent"])
        self.assertEqual(nodes["b"]["bytes_transfer"], 2 * MIB + 300 * KIB)
        self.assertFalse(nodes["c"]["holds_parent"])
        self.assertEqual(nodes["c"]["bytes_transfer"], 4 * MIB + 300 * KIB)
        self.assertEqual(nodes["c"]["bytes_disk"], 4 * MIB + 300 * KIB)
        fill(self.source / "much more", 20 * MIB, seed=3)
        text = self.a.run("seed", self.source, "--model", "m", "--version", "two", "--plan").out
        self.assertIn("too small    b:", text)
        self.assertNotIn("c:", text)
        self.assertEqual([row["tag"] for row in self.a.run("list", "--json").json["items"]], ["one"])
        self.assert_fails(c, "get", "m@two", code=4)

    def test_a_node_with_one_variant_of_the_parent_has_what_it_takes_of_it(self) -> None:
        b = self.cluster.join("b")
        for name, seed in (("large", 1), ("small", 2)):
            fill(self.source / name / "weights", MIB, seed)
        variants = [f"--variant={name}={self.source / name}" for name in ("large", "small")]
        self.a.run("seed", *variants, "--model", "m", "--version", "one")
        b.run("get", "m@one", "--wait", "30")
        fill(self.source / "large" / "more", 300 * KIB, seed=3)
        plan = self.a.run("seed", *variants, "--model", "m", "--version", "two", "--plan", "--json").json
        row = plan["nodes"][0]
        self.assertEqual((row["name"], row["holds_parent"], row["bytes_transfer"]), ("b", True, 300 * KIB))

    def test_a_first_version_is_new_as_a_whole(self) -> None:
        fill(self.source / "weights", MIB, seed=1)
        fill(self.source / "twin", MIB, seed=1)
        plan = self.plan()
        self.assertEqual((plan["bytes"], plan["bytes_new"], plan["bytes_reused"]), (2 * MIB, MIB, MIB))
        self.assertEqual((plan["parent"], plan["nodes"]), ("", []))
        # Nobody is there for whom a time could be told.
        self.assertNotIn("seconds", plan)
        self.assert_fails(self.a, "seed", self.source / "none", "--model", "m", "--version", "x", "--plan", code=4)


if __name__ == "__main__":
    unittest.main()
