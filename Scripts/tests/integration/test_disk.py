"""Space: what is admitted, what is deleted for it, and what stays."""

import mmap
import unittest
from pathlib import Path

from cluster import Cluster, ClusterTestCase
from disk import Disk, can_mount
from payload import KIB, MIB, digests, fill
from waiting import wait_until


class CollectionTest(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.source = self.cluster.folder / "source"

    def publish(self, tag: str, seed: int) -> None:
        fill(self.source / "weights", 100 * KIB, seed=seed)
        self.a.run("seed", self.source, "--model", "m", "--version", tag)

    def tags(self, **wanted: object) -> list[str]:
        rows = self.a.run("gc", "--dry-run", "--json").json["items"]
        return sorted(row["tag"] for row in rows if all(row[key] == value for key, value in wanted.items()))

    def test_what_is_not_needed_goes_and_the_last_two_stay(self) -> None:
        for number in range(1, 5):
            self.publish(str(number), number)
        self.assertEqual(self.tags(deleted=True), ["1", "2"])
        self.assertEqual(self.tags(kept_because="current"), ["4"])
        self.assertEqual(self.tags(kept_because="previous"), ["3"])
        self.assertEqual(len(self.a.run("list", "m", "--json").json["items"]), 4)
        report = self.a.run("gc", "--json").json
        self.assertEqual([row["tag"] for row in report["items"] if row["deleted"]], ["1", "2"])
        self.assertEqual([row["tag"] for row in self.a.run("list", "--json").json["items"] if row["local"]], ["4", "3"])
        self.assertEqual(digests(self.a.current("m")), digests(self.source))
        self.assertEqual(self.tags(deleted=True), [])

    def test_what_a_process_has_mapped_stays(self) -> None:
        for number in range(1, 4):
            self.publish(str(number), number)
        folder = Path(self.a.run("show", "m@1", "--json").json["path"])
        with open(folder / "weights", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
            self.assertEqual(self.tags(kept_because="in use"), ["1"])
        self.assertEqual(self.tags(deleted=True), ["1"])

    def test_a_quota_makes_room_or_refuses_by_name(self) -> None:
        configuration = self.cluster.folder / "b.toml"
        configuration.write_text('disk = { quota = "350 kB", free_min = "1 MB" }\n')
        b = self.cluster.join("b", "--peer", self.a.address, "--config", configuration)
        for number in range(1, 5):
            self.publish(str(number), number)
            b.run("get", f"m@{number}", "--wait", "30")
        # The first made room for the fourth; the third is the one before the current.
        kept = ["4", "3", "2"]
        self.assertEqual([row["tag"] for row in b.run("list", "--json").json["items"] if row["local"]], kept)
        fill(self.source / "more", 300 * KIB, seed=9)
        self.a.run("seed", self.source, "--model", "m", "--version", "large")
        said = self.assert_fails(b, "get", "m@large", "--wait", "10", code=1, says="350000 are allowed")
        self.assertIn("shoal gc --dry-run", said)
        # Nothing was deleted for what cannot fit anyway.
        self.assertEqual([row["tag"] for row in b.run("list", "--json").json["items"] if row["local"]], kept)

    def test_a_part_that_is_being_fetched_counts(self) -> None:
        configuration = self.cluster.folder / "b.toml"
        configuration.write_text('disk = { quota = "3500 kB", free_min = "1 MB" }\n')
        b = self.cluster.join("b", "--peer", self.a.address, "--config", configuration)
        fill(self.source / "weights", MIB, seed=1)
        self.a.run("seed", self.source, "--model", "m", "--version", "1")
        other = self.cluster.folder / "other"
        fill(other / "weights", 3 * MIB, seed=2)
        fill(other / "unwanted", 3 * MIB, seed=3)
        self.a.run("seed", other, "--model", "n", "--version", "one")
        b.run("limit", "--download", "64kB/s")
        target = self.cluster.folder / "part"
        part = b.begin("get", "n@one", "--include", "weights", "--output", target, "--wait", "90")
        wait_until(lambda: b.neighbour("a")["received_bytes"] > 50 * KIB, 30, "the part is being fetched")
        self.assert_fails(b, "get", "m@1", "--wait", "30", code=1, says="3500000 are allowed")
        b.run("limit", "--clear")
        self.assertEqual(part.wait(60), 0)
        part.communicate()
        b.run("get", "m@1", "--wait", "30")

    def test_sizes_in_the_configuration_are_checked(self) -> None:
        configuration = self.cluster.folder / "bad.toml"
        for text, said in (('disk = { quota = 5 }', "quota must be a size"), ('disk = { x = "5 GB" }', "unknown key"),
                           ('disk = { free_min = "2 GB", free_target = "1 GB" }', "free_target must be")):
            configuration.write_text(text + "\n")
            with self.subTest(text):
                self.a.stop()
                self.assert_fails(self.a, "agent", "--config", configuration, code=78, says=said)
                self.a.start()


@unittest.skipUnless(can_mount(), "needs root and loop devices")
class AdmissionTest(unittest.TestCase):
    def test_what_does_not_fit_is_refused_before_the_first_byte_and_a_shared_version_fits(self) -> None:
        disk = Disk("xfs", 400 * MIB)
        self.addCleanup(disk.remove)
        cluster = Cluster()
        self.addCleanup(cluster.remove)
        self.addCleanup(cluster.end)
        a = cluster.first("a")
        b = cluster.make("b")
        b.state = disk.path / "state"
        b.run("join", cluster.token(), "--peer", a.address, "--node", "b")
        b.start()
        source = cluster.folder / "source"
        fill(source / "weights", 180 * MIB, seed=1)
        a.run("seed", source, "--model", "m", "--version", "one")
        b.run("get", "m@one", "--wait", "60")
        fill(source / "more", 1 * MIB, seed=2)
        a.run("seed", source, "--model", "m", "--version", "two")
        b.run("get", "m@two", "--wait", "60")  # 181 MiB, of which 180 share blocks
        other = cluster.folder / "other"
        fill(other / "weights", 250 * MIB, seed=3)
        a.run("seed", other, "--model", "n", "--version", "one")
        result = b.run("get", "n@one", "--wait", "10", code=1)
        self.assertIn("bytes are needed", result.err)
        self.assertEqual(list((b.state / "staging").iterdir()), [])
