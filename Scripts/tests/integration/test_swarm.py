"""One seed and ten agents on loopback: everybody ends with the same bytes, whoever joins late, is killed, or leaves."""

import unittest

from cluster import ClusterTestCase
from node import Node
from payload import MIB, digests, tree
from waiting import wait_until

MODEL = "acme/detector"
COUNT = 10
DELIVERY_SECONDS_MAX = 150.0
SEED_COPIES_MAX = 1.5
REFETCHED_CHUNKS_MAX = 32

# 200 MiB in folders.
SIZES = {
    "model.safetensors": 120 * MIB, "shards/one.bin": 40 * MIB - 1, "shards/two.bin": 32 * MIB + 1, "shards/empty": 0,
    "tokenizer/vocab.txt": 7 * MIB, "tokenizer/deep/merges.txt": MIB,
}
TOTAL = sum(SIZES.values())
assert TOTAL == 200 * MIB
CHUNK = MIB // 8  # the next power of two at or above TOTAL / 2048


class SwarmTestCase(ClusterTestCase):
    log_lines = 15

    def setUp(self) -> None:
        super().setUp()
        self.files = tree(self.cluster.folder / "files", SIZES)
        self.expected = digests(self.files)
        self.seed = self.cluster.first("seed")
        self.agents: list[Node] = []

    def add_agents(self, count: int) -> None:
        for number in range(len(self.agents) + 1, len(self.agents) + count + 1):
            self.agents.append(self.cluster.join(f"n{number}"))
        for node in self.agents:
            node.run("follow", MODEL)
            node.wait_connected("seed", seconds=30)

    def begin_publishing(self) -> None:
        """Starts to publish; the agents follow, so they fetch as soon as they hear of it."""
        publishing = self.seed.begin("seed", self.files, "--model", MODEL, "--version", "1")
        self.addCleanup(publishing.communicate)
        self.addCleanup(publishing.kill)

    def wait_all(self, nodes: list[Node]) -> None:
        for node in nodes:
            node.wait_complete(MODEL, "1", seconds=DELIVERY_SECONDS_MAX)
        self.assert_each(nodes, lambda node: self.assertEqual(digests(node.wait_current(MODEL, "1")), self.expected))

    def sent_by(self, node: Node) -> int:
        return sum(row["sent_bytes"] for row in node.status()["neighbours"])

    def verified(self, node: Node) -> int:
        row = node.model(MODEL, "1")
        return row["bytes_verified"] if row else 0


class DistributionTests(SwarmTestCase):
    def test_ten_agents_end_with_identical_files_and_the_seed_sends_little_more_than_one_copy(self) -> None:
        self.add_agents(COUNT)
        self.begin_publishing()
        self.wait_all(self.agents)
        copies = self.sent_by(self.seed) / TOTAL
        print(f"the seed sent {copies:.3f} copies to {COUNT} agents")
        self.assertLessEqual(copies, SEED_COPIES_MAX)
        for node in self.agents:
            row = node.model(MODEL, "1")
            self.assertLessEqual(row["received_bytes"]["neighbour"] + row["received_bytes"]["local"], 1.2 * TOTAL)
            received = sum(neighbour["received_bytes"] for neighbour in node.status()["neighbours"])
            self.assertGreaterEqual(received + row["received_bytes"]["local"], TOTAL)


class DisturbanceTests(SwarmTestCase):
    def test_newcomer_at_half_time_completes_too(self) -> None:
        self.add_agents(4)
        newcomer = self.cluster.join("late", start=False)
        self.begin_publishing()
        wait_until(lambda: max(map(self.verified, self.agents)) >= TOTAL // 2, DELIVERY_SECONDS_MAX, "half time")
        newcomer.start()
        newcomer.run("follow", MODEL)
        print(f"the newcomer came while {self.behind(self.agents)} of {len(self.agents)} agents lacked chunks")
        self.wait_all([*self.agents, newcomer])

    def test_agent_that_is_killed_at_half_time_goes_on_and_fetches_little_again(self) -> None:
        self.add_agents(4)
        victim = self.agents[2]
        self.begin_publishing()
        wait_until(lambda: self.verified(victim) >= TOTAL // 2, DELIVERY_SECONDS_MAX, "the victim has half")
        victim.kill()
        victim.start()
        self.wait_all(self.agents)
        sent = sum(self.sent_to(victim, node) for node in [self.seed, *self.agents] if node is not victim)
        print(f"the killed agent was sent {(sent - TOTAL) / CHUNK:.1f} chunks more than there are")
        self.assertLessEqual(sent, TOTAL + REFETCHED_CHUNKS_MAX * CHUNK)

    @staticmethod
    def sent_to(victim: Node, node: Node) -> int:
        row = node.neighbour(victim.name)
        return row["sent_bytes"] if row else 0

    def test_seed_that_is_killed_once_every_chunk_is_somewhere_is_not_missed(self) -> None:
        """Two agents are stopped on the way, so that they certainly lack chunks when the others have them all."""
        self.add_agents(4)
        first, late = self.agents[:2], self.agents[2:]
        self.begin_publishing()
        for node in late:
            wait_until(lambda node=node: self.verified(node) >= TOTAL // 8, DELIVERY_SECONDS_MAX, "an eighth is there")
            node.pause()
        for node in first:
            node.wait_complete(MODEL, "1", seconds=DELIVERY_SECONDS_MAX)
        self.seed.kill()
        for node in late:
            node.resume()
        print(f"the seed was killed while {self.behind(late)} of {len(self.agents)} agents lacked chunks")
        self.wait_all(self.agents)

    def test_seed_that_pauses_for_a_while_is_taken_up_again_by_who_has_no_other_source(self) -> None:
        self.add_agents(1)
        (node,) = self.agents
        self.begin_publishing()
        wait_until(lambda: self.verified(node) >= TOTAL // 8, DELIVERY_SECONDS_MAX, "an eighth is there")
        self.seed.pause()
        before = self.verified(node)
        wait_until(lambda: self.seed_is_called_silent(node), 10, "status says that the seed is silent")
        self.seed.resume()
        self.wait_all([node])
        self.assertLess(before, TOTAL, "the pause came too late to show anything")

    @staticmethod
    def seed_is_called_silent(node: Node) -> bool:
        return "silent" in (node.neighbour("seed") or {}).get("reason", "")

    def behind(self, nodes: list[Node]) -> int:
        return sum(self.verified(node) < TOTAL for node in nodes)


if __name__ == "__main__":
    unittest.main()
