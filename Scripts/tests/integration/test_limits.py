"""Limits of rates and priority: kept on the wire, changed at run time, by class of links, durable, and explained."""

import time
import unittest

from cluster import ClusterTestCase
from node import Node
from payload import MIB, digests, tree

MODEL = "acme/detector"
SECONDS = 5.0


def sent(node: Node, to: str) -> int:
    row = node.neighbour(to)
    return int(row["sent_bytes"]) if row else 0


class LimitTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = tree(self.cluster.folder / "files", {"model.bin": 96 * MIB})
        self.a = self.cluster.first("a", "--label", "region=north")

    def publish(self) -> None:
        self.a.run("seed", self.files, "--model", MODEL, "--version", "1")

    def rate(self, to: str) -> float:
        """Bytes a second that `a` sends, after a moment in which it settles."""
        time.sleep(0.5)
        began, before = time.monotonic(), sent(self.a, to)
        time.sleep(SECONDS)
        after, ended = sent(self.a, to), time.monotonic()
        return (after - before) / (ended - began)

    def assert_rate(self, to: str, megabytes: float) -> None:
        """Five per cent for the rate; a piece at each end of the measurement may be in or out."""
        measured = self.rate(to) / 1e6
        self.assertAlmostEqual(measured, megabytes, delta=0.06 * megabytes + 0.1)

    def test_an_upload_limit_is_kept_changed_under_way_and_taken_back(self) -> None:
        b = self.cluster.join("b", "--label", "region=south")
        b.wait_connected("a")
        self.publish()
        shown = self.a.run("limit", "--upload", "2MB/s", "--json").json
        self.assertEqual([(row["what"], row["bytes_per_second"], row["source"]) for row in shown["items"]],
                         [("upload", 2_000_000, "command"), ("download", 0, "default"), ("priority", 0, "default")])
        b.run("get", f"{MODEL}@1", "--no-wait")
        b.wait_for(lambda status: any(row["bytes_verified"] for row in status["models"]), 15, "it begins")
        self.assert_rate("b", 2)
        # A control question is answered at once all the same: bulk does not stand before it.
        self.assertEqual(b.neighbour("a")["state"], "connected")
        self.a.run("limit", "--upload", "6MB/s", "--for", "1h")
        self.assert_rate("b", 6)
        self.a.run("limit", "--clear")
        self.a.run("limit", "--upload", "4MB/s", "--class", "far")
        self.assert_rate("b", 4)
        self.a.run("limit", "--clear")
        b.wait_complete(MODEL, "1", seconds=60)
        self.assertEqual(digests(b.wait_current(MODEL, "1")), digests(self.files))
        row = b.model(MODEL, "1")
        self.assertEqual(row["wasted_bytes"], 0)
        self.assertNotIn("fell silent", b.log.read_text())

    def test_a_download_limit_is_kept_with_two_sources(self) -> None:
        c = self.cluster.join("c", "--label", "region=north")
        c.wait_connected("a")
        self.publish()
        c.run("get", f"{MODEL}@1")
        b = self.cluster.make("b")
        b.run("join", self.cluster.token(), "--peer", self.a.address, "--node", "b")
        b.start("--peer", c.address)
        b.wait_connected("a", "c")
        b.run("limit", "--download", "3MB/s")
        b.run("get", f"{MODEL}@1", "--no-wait")
        b.wait_for(lambda status: any(row["bytes_verified"] for row in status["models"]), 15, "it begins")
        time.sleep(0.5)

        def received() -> int:
            return sum(row["received_bytes"] for row in b.status()["neighbours"])

        began, before = time.monotonic(), received()
        time.sleep(SECONDS)
        rate = (received() - before) / (time.monotonic() - began) / 1e6
        self.assertAlmostEqual(rate, 3, delta=0.06 * 3 + 0.1)
        b.run("limit", "--download", "unlimited")
        b.wait_complete(MODEL, "1", seconds=60)
        self.assertEqual(b.model(MODEL, "1")["wasted_bytes"], 0)
        self.assertNotIn("fell silent", b.log.read_text())

    def test_low_priority_alone_on_a_link_is_no_hindrance(self) -> None:
        b = self.cluster.join("b")
        b.wait_connected("a")
        self.publish()
        self.a.run("limit", "--priority", "low")
        b.run("get", f"{MODEL}@1", seconds=60)
        self.assertEqual(digests(b.wait_current(MODEL, "1")), digests(self.files))

    def test_what_is_in_force_names_its_reason_and_survives_a_restart(self) -> None:
        self.a.stop()
        file = self.cluster.folder / "a.toml"
        file.write_text('[limits]\nupload = "9 MB/s"\n[limits.far]\nupload = "1 MB/s"\n'
                        '[[limits.schedule]]\nfrom = "00:00"\nto = "23:59"\ndownload = "8 MB/s"\n'
                        '[[limits.schedule]]\nfrom = "23:59"\nto = "00:00"\ndownload = "8 MB/s"\n')
        self.a.start("--config", file)
        self.a.run("limit", "--upload", "7MB/s")
        self.a.run("limit", "--priority", "low", "--class", "far", "--for", "1h")
        self.a.stop()
        self.a.start("--config", file)
        items = {(row["what"], row["links"]): row for row in self.a.run("limit", "--json").json["items"]}
        self.assertEqual(items["upload", ""]["bytes_per_second"], 7_000_000)
        self.assertEqual(items["upload", ""]["source"], "command")
        self.assertEqual(items["download", ""]["source"], "schedule")
        self.assertEqual(items["upload", "far"]["source"], "configuration")
        self.assertEqual((items["priority", "far"]["priority"], bool(items["priority", "far"]["until"])), ("low", True))
        self.a.run("limit", "--clear")
        text = self.a.run("limit").out
        self.assertIn("9 MB/s", text)
        self.assertIn("configuration", text)
        self.assertNotIn("command", text)

    def test_what_makes_no_sense_is_refused_with_the_next_step(self) -> None:
        self.assert_fails(self.a, "limit", "--upload", "fast", code=64, says="20MB/s")
        self.assert_fails(self.a, "limit", "--upload", "1kB/s", code=64, says="64 kB/s")
        self.assert_fails(self.a, "limit", "--class", "near", "--upload", "1MB/s", code=64, says="far")
        self.assert_fails(self.a, "limit", "--for", "1h", code=64, says="time")
        self.assert_fails(self.a, "limit", "--priority", "high", code=64, says="low")
        self.a.stop()
        file = self.cluster.folder / "a.toml"
        file.write_text('[limits.far]\ncongestion_control = "swift"\n')
        self.assert_fails(self.a, "agent", "--config", file, code=78, says="a.toml:2:1: congestion_control")


if __name__ == "__main__":
    unittest.main()
