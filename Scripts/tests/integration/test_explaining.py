"""Every fetch says how fast it was, what its time went to, and who was slow: in `status`, and in a closing event."""

import os
import re
import shutil
import subprocess
import unittest
from collections.abc import Iterator
from contextlib import contextmanager

from cluster import ClusterTestCase
from node import Json, Node
from payload import MIB, flip_byte, tree
from slow_link import SlowLink
from waiting import wait_until

MODEL = "acme/detector"
SIZES = {"model.bin": 6 * MIB, "other.bin": 50_000}
TOTAL = sum(SIZES.values())
RATE = 1 * MIB
SHARES = {"waiting", "source", "own_link", "hashing", "disk"}
EVENT_SHARES = ("waiting", "source", "own-link", "hashing", "disk")


def closing_event(node: Node) -> dict[str, str]:
    """The last closing event in the node's log, as its keys and values; KeyError if there is none."""
    lines = [line for line in node.log.read_text().splitlines() if "event=fetch-completed" in line]
    if not lines:
        raise KeyError(f"{node.name} has logged no closing event")
    return {key: value.strip('"') for key, value in re.findall(r'([a-z-]+)=("[^"]*"|\S+)', lines[-1])}


@contextmanager
def shaped_namespace(bytes_per_second: int) -> Iterator[tuple[str, str, str]]:
    """A network namespace into which so many bytes a second come: its name, the address outside and the one inside."""
    if os.geteuid() != 0 or not shutil.which("tc") or not shutil.which("ip"):
        raise unittest.SkipTest("needs root, ip and tc")
    name, link = f"shoal-{os.getpid()}", f"sx{os.getpid()}"
    outside, inside = (f"10.213.{os.getpid() % 250}.{host}" for host in (1, 2))

    def do(command: str) -> None:
        subprocess.run(command.split(), check=True, capture_output=True, timeout=10)

    probe = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=10)
    if probe.returncode != 0:
        raise unittest.SkipTest(f"network namespaces do not work: {probe.stderr.strip()}")
    try:
        do(f"ip link add {link} type veth peer name eth0 netns {name}")
        do(f"ip address add {outside}/30 dev {link}")
        do(f"ip link set {link} up")
        do(f"ip -n {name} address add {inside}/30 dev eth0")
        for device in ("lo", "eth0"):
            do(f"ip -n {name} link set {device} up")
        do(f"tc qdisc add dev {link} root tbf rate {bytes_per_second * 8}bit burst 16kb latency 100ms")
        yield name, outside, inside
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True, timeout=10)


class ExplainingTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = tree(self.cluster.folder / "files", SIZES)
        self.a = self.cluster.first("a")

    def publish(self) -> None:
        self.a.run("seed", self.files, "--model", MODEL, "--version", "1")

    def slow_link(self, *nodes: Node) -> SlowLink:
        link = SlowLink([node.address for node in nodes], RATE)
        self.addCleanup(link.close)
        return link

    def behind(self, name: str, link: SlowLink, number: int = 0) -> Node:
        """A node that reaches the cluster through the link alone."""
        node = self.cluster.make(name)
        node.run("join", self.cluster.token(), "--peer", link.addresses[number], "--node", name)
        node.start()
        node.wait_connected("a")
        return node

    def assert_adds_up(self, shares: list[float]) -> None:
        self.assertEqual(len(shares), len(SHARES))
        self.assertAlmostEqual(sum(shares), 1, places=9)

    def fetch(self, node: Node) -> Json | None:
        rows = node.status()["fetches"]
        return rows[0] if rows else None

    def test_fetch_from_a_slow_source_is_explained_while_it_runs_and_when_it_is_over(self) -> None:
        self.publish()
        b = self.behind("b", self.slow_link(self.a))
        b.run("get", f"{MODEL}@1", "--no-wait")

        def runs() -> Json | None:
            row = self.fetch(b)
            return row if row and row["bytes_done"] > TOTAL // 2 else None

        row = wait_until(runs, 30, "half of it is here")
        self.assertEqual(set(row["shares"]), SHARES)
        self.assert_adds_up(list(row["shares"].values()))
        self.assertEqual((row["held_up_by"], row["main_hold_up"], row["ended_at"]), ("source", "source", ""))
        self.assertLess(row["bytes_per_second"], 2 * RATE)
        self.assertGreater(row["bytes_per_second"], RATE // 4)
        self.assertGreater(row["seconds_left"], 0)
        self.assertEqual(row["limit_from"], "measured")
        text = b.run("status").out
        self.assertIn("left", text)
        self.assertIn("source", text)
        # The seed names the one that is behind.
        slowest = self.a.model(MODEL, "1")["slowest_neighbour"]
        self.assertEqual(slowest["name"], "b")
        self.assertLess(slowest["chunks"], slowest["chunks_total"])

        b.wait_complete(MODEL, "1", seconds=60)
        status = b.status()
        self.assertEqual(status["fetches"], [])
        (over,) = status["recent_fetches"]
        self.assertEqual((over["bytes_done"], over["bytes_total"]), (over["bytes_total"], TOTAL))
        self.assertEqual((over["main_hold_up"], over["held_up_by"]), ("source", ""))
        self.assert_adds_up(list(over["shares"].values()))
        self.assertEqual([(source["name"], source["bytes"]) for source in over["sources"]], [("a", TOTAL)])
        self.assertTrue(0 < over["efficiency"] <= 1.05, over["efficiency"])
        self.assertIsNone(over["slowest_source"])
        self.assertIsNone(self.a.model(MODEL, "1")["slowest_neighbour"])

        event = closing_event(b)
        self.assert_adds_up([float(event[key]) for key in EVENT_SHARES])
        self.assertEqual((event["held-up-by"], event["bytes"], event["received"]), ("source", str(TOTAL), str(TOTAL)))
        self.assertEqual((event["sources"], event["wasted"], event["chunks-refused"]), (f"a:{TOTAL}", "0", "0"))
        self.assertEqual(float(event["efficiency"]), over["efficiency"])

    def test_fetch_whose_sources_share_its_slow_downlink_is_held_up_by_its_own_link(self) -> None:
        with shaped_namespace(RATE) as (name, outside, inside):
            self.a.stop()
            c = self.cluster.make("c")
            b = self.cluster.make("b")
            b.prefix = ["ip", "netns", "exec", name]
            for node, host in ((self.a, outside), (c, outside), (b, inside)):
                node.address = f"{host}:{node.address.rsplit(':', 1)[1]}"
            self.a.start()
            self.publish()
            for node in (c, b):
                node.run("join", self.cluster.token(), "--peer", self.a.address, "--node", node.name)
                node.start()
            b.wait_connected("a", "c")
            self.check_that_its_own_link_is_named(b, c)
            b.stop()

    def check_that_its_own_link_is_named(self, b: Node, c: Node) -> None:
        b.run("get", f"{MODEL}@1", "--no-wait")

        def has_a_rate() -> bool:
            row = self.fetch(b)
            return row is not None and row["bytes_done"] > 1.5 * MIB

        # One source has shown what the link takes; the other then shares it.
        wait_until(has_a_rate, 30, "a part of it is here")
        c.run("get", f"{MODEL}@1", "--no-wait")
        own = b.wait_for(lambda s: [f for f in s["fetches"] if f["held_up_by"] == "own-link"], 30, "own link")
        self.assertGreater(own[0]["shares"]["source"], 0)
        b.wait_complete(MODEL, "1", seconds=60)
        (over,) = b.status()["recent_fetches"]
        self.assertEqual({source["name"] for source in over["sources"]}, {"a", "c"})
        self.assertGreater(over["shares"]["own_link"], 0)
        self.assertIn(over["slowest_source"]["name"], {"a", "c"})
        self.assert_adds_up([float(closing_event(b)[key]) for key in EVENT_SHARES])

    def test_fetch_whose_only_source_has_gone_waits(self) -> None:
        self.publish()
        b = self.behind("b", self.slow_link(self.a))
        b.run("get", f"{MODEL}@1", "--no-wait")
        wait_until(lambda: (self.fetch(b) or {"bytes_done": 0})["bytes_done"] > 0, 30, "the first chunk is here")
        self.a.stop()

        def waits() -> Json | None:
            row = self.fetch(b)
            return row if row and row["held_up_by"] == "waiting" and row["main_hold_up"] == "waiting" else None

        row = wait_until(waits, 30, "it waits")
        self.assertGreater(row["shares"]["waiting"], row["shares"]["source"])
        self.assert_adds_up(list(row["shares"].values()))
        self.assertGreater(row["shares"]["source"], 0)
        self.assertLess(row["bytes_done"], TOTAL)

    def test_what_verify_found_damaged_and_then_right_again_is_not_called_damaged_any_more(self) -> None:
        self.publish()
        b = self.cluster.join("b")
        c = self.cluster.join("c", start=False)
        b.run("get", f"{MODEL}@1")
        file = b.wait_current(MODEL, "1") / "model.bin"
        # With nobody to mend it from, the damage stays.
        self.a.stop()
        flip_byte(file, MIB)
        b.run("verify", code=3)
        self.assertIn("damaged", b.model(MODEL, "1")["error"])
        b.stop()
        b.start()
        self.assertIn("damaged", b.model(MODEL, "1")["error"])
        flip_byte(file, MIB)
        b.run("verify")
        self.assertEqual(b.model(MODEL, "1")["error"], "")
        # And it is offered again: a newcomer that knows b alone gets all of it.
        c.start("--peer", b.address)
        c.wait_connected("b")
        c.run("get", f"{MODEL}@1")
        self.assertEqual(c.neighbour("b")["received_bytes"], TOTAL)


if __name__ == "__main__":
    unittest.main()
