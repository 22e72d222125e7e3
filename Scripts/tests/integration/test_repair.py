"""Damage on disk: found, withdrawn, and mended from neighbours while the version is served on."""

import shutil
import subprocess
from pathlib import Path

from cluster import ClusterTestCase
from payload import KIB, digests, fill, flip_byte
from waiting import wait_until

MODEL = "acme/detector"


class RepairTest(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.source = self.cluster.folder / "source"
        fill(self.source / "weights", 500 * KIB, seed=1)
        fill(self.source / "deep" / "more", 100 * KIB, seed=2)
        self.a = self.cluster.first("a")
        self.b = self.cluster.join("b", "--peer", self.a.address)
        self.a.run("seed", self.source, "--model", MODEL, "--version", "1")
        self.folder = Path(self.b.run("get", f"{MODEL}@1", "--wait", "30").out.strip())

    def is_whole(self) -> bool:
        return digests(self.folder) == digests(self.source)

    def test_verify_finds_damage_and_repair_mends_it(self) -> None:
        flip_byte(self.folder / "weights", 12_345)
        flip_byte(self.folder / "weights", 400_000)
        result = self.b.run("verify", "--repair", "--wait", "30", code=3)
        self.assertIn("2 chunks damaged in weights, mended", result.out)
        self.assertIn("It is mended", result.err)
        self.assertTrue(self.is_whole())
        self.assertEqual((self.folder / "weights").stat().st_mode & 0o777, 0o440)
        self.b.stop()
        self.b.start()
        self.b.run("verify")
        # Only the damaged chunks came from the neighbour again.
        self.assertLess(self.b.model(MODEL, "1")["received_bytes"]["neighbour"], 700 * KIB)

    def test_a_missing_and_a_short_file_are_mended(self) -> None:
        (self.folder / "deep" / "more").unlink()
        (self.folder / "deep").rmdir()
        (self.folder / "weights").chmod(0o600)
        with open(self.folder / "weights", "r+b") as file:
            file.truncate(1_000)
        self.assert_fails(self.b, "verify", "--repair", "--wait", "30", code=3, says="it is mended")
        self.assertTrue(self.is_whole())
        self.b.run("verify")

    def test_what_changed_while_the_agent_slept_is_mended_by_itself(self) -> None:
        self.b.stop()
        with open(self.folder / "weights", "r+b") as file:
            file.seek(77)
            file.write(b"changed")
        self.b.start()
        wait_until(self.is_whole, 30, "b has mended its file")
        wait_until(lambda: self.b.run("verify", code=None).code == 0, 30, "b finds nothing damaged")

    def test_an_emptied_disk_is_noticed_at_the_first_use_and_filled_again(self) -> None:
        c = self.cluster.join("c", start=False)
        subprocess.run(["chmod", "-R", "u+rwX", self.b.state / "models"], check=True)
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.a.stop()
        c.start("--peer", self.b.address)
        c.wait_connected("b")
        c.run("get", f"{MODEL}@1", "--no-wait")
        # What it was asked for and does not have is found by that, and by nothing else.
        self.b.wait_for(lambda _: "damaged" in self.b.model(MODEL, "1")["error"], 60, "b knows that it is damaged")
        self.a.start()
        folder = Path(c.run("get", f"{MODEL}@1", "--wait", "90", seconds=120).out.strip())
        self.assertEqual(digests(folder), digests(self.source))
        wait_until(self.is_whole, 60, "b has its files again")
        wait_until(lambda: self.b.run("verify", code=None).code == 0, 30, "b finds nothing damaged")

    def test_a_damaged_chunk_is_not_sent_and_a_neighbours_complaint_mends_it(self) -> None:
        c = self.cluster.join("c", start=False)
        self.a.stop()
        flip_byte(self.folder / "weights", 100)
        c.start("--peer", self.b.address)
        c.wait_connected("b")
        c.run("get", f"{MODEL}@1", "--no-wait")
        c.wait_for(lambda s: [n for n in s["neighbours"] if n["name"] == "b" and n["reason"]], 60, "b named")
        self.a.start()
        folder = Path(c.run("get", f"{MODEL}@1", "--wait", "90", seconds=120).out.strip())
        self.assertEqual(digests(folder), digests(self.source))
        wait_until(self.is_whole, 60, "b has mended its file")

    def test_a_repair_waits_for_a_neighbour_that_has_it(self) -> None:
        self.a.stop()
        flip_byte(self.folder / "weights", 12_345)
        self.assert_fails(self.b, "verify", "--repair", "--wait", "1", code=3, says="once a neighbour")
        self.assertFalse(self.is_whole())
        self.a.start()
        wait_until(self.is_whole, 60, "b has mended its file")
