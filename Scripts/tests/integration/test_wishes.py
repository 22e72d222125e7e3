"""What is wanted changes while it is being fetched: followed and unfollowed, removed, denied, superseded, restarted.

The seed is killed in the middle of the fetch, so the fetch stands still for as long as a test needs.
"""

import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster import ClusterTestCase
from node import Node
from payload import KIB, MIB, digests, tree
from waiting import wait_until

MODEL = "acme/detector"
BIG = {"model.bin": 160 * MIB, "config.json": KIB}
SMALL = {"model.bin": MIB, "config.json": KIB}
FETCH_SECONDS_MAX = 60.0


class WishTestCase(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.b = self.cluster.join("b")
        self.b.wait_connected("a")

    def publish(self, tag: str, sizes: dict[str, int], seed: int) -> Path:
        files = tree(self.cluster.folder / tag, sizes, seed)
        self.a.run("seed", files, "--model", MODEL, "--version", tag)
        return files

    def interrupt_fetch(self, begin: tuple[object, ...]) -> Path:
        """Version 1 is wanted by b and partly there; nobody else who has it runs."""
        files = self.publish("1", BIG, seed=1)
        self.b.run(*begin)

        def has_begun() -> bool:
            row = self.b.model(MODEL, "1")
            assert row is None or row["state"] != "ready", "the fetch was too fast for this test"
            return row is not None and row["bytes_verified"] > 0

        wait_until(has_begun, 20, "the fetch has begun")
        self.a.kill()
        wait_until(lambda: self.b.neighbour("a")["state"] == "gone", 20, "the seed is gone")
        return files

    def complete(self, files: Path) -> None:
        self.a.start()
        self.b.wait_complete(MODEL, "1", seconds=FETCH_SECONDS_MAX)
        wait_until(lambda: digests(self.b.current(MODEL)) == digests(files), 10, "the same files")

    def state(self, node: Node, tag: str) -> str:
        row = node.model(MODEL, tag)
        return row["state"] if row else "none"


class InterruptedFetchTests(WishTestCase):
    def test_unfollowed_in_the_middle_and_followed_again_it_completes(self) -> None:
        files = self.interrupt_fetch(("follow", MODEL))
        self.b.run("unfollow", MODEL)
        wait_until(lambda: self.state(self.b, "1") == "waiting", 10, "it is not said to be fetching")
        self.b.run("follow", MODEL)
        self.complete(files)

    def test_denied_in_the_middle_and_allowed_again_it_completes(self) -> None:
        files = self.interrupt_fetch(("follow", MODEL))
        self.b.run("deny", f"{MODEL}@1")
        wait_until(lambda: self.state(self.b, "1") == "waiting", 10, "it is not said to be fetching")
        self.assertIn("denied", self.b.model(MODEL, "1")["error"])
        self.b.run("deny", f"{MODEL}@1", "--lift")
        self.complete(files)

    def test_removed_in_the_middle_and_wanted_again_it_completes(self) -> None:
        files = self.interrupt_fetch(("get", MODEL, "--no-wait"))
        self.b.run("remove", f"{MODEL}@1")
        self.assertEqual(list((self.b.state / "staging").iterdir()), [])
        self.b.run("get", MODEL, "--no-wait")
        self.complete(files)

    def test_removed_in_the_middle_it_is_not_fetched_after_a_restart(self) -> None:
        self.interrupt_fetch(("get", MODEL, "--no-wait"))
        self.b.run("remove", f"{MODEL}@1")
        self.b.stop()
        self.b.start()
        self.assertEqual(self.state(self.b, "1"), "none")

    def test_unfollowing_leaves_what_get_asked_for(self) -> None:
        files = self.interrupt_fetch(("get", MODEL, "--no-wait"))
        self.b.run("follow", MODEL)
        self.b.run("unfollow", MODEL)
        self.complete(files)

    def test_what_nobody_wants_any_more_is_off_the_disk_after_a_restart(self) -> None:
        self.interrupt_fetch(("follow", MODEL))
        self.b.run("unfollow", MODEL)
        self.b.stop()
        self.b.start()
        wait_until(lambda: not list((self.b.state / "staging").iterdir()), 10, "nothing is staged")

    def test_a_superseded_version_is_not_fetched_any_more(self) -> None:
        self.publish("2", SMALL, seed=2)
        self.b.run("get", f"{MODEL}@2")
        self.interrupt_fetch(("follow", MODEL))
        self.b.run("promote", f"{MODEL}@2")
        wait_until(lambda: self.state(self.b, "1") == "waiting", 10, "it is not said to be fetching")
        self.a.start()
        self.b.wait_connected("a")
        self.assertEqual(self.state(self.b, "1"), "waiting")


class RestartTests(WishTestCase):
    def test_a_denied_version_that_get_fetched_is_not_switched_to_after_a_restart(self) -> None:
        old = self.publish("1", SMALL, seed=1)
        self.publish("2", SMALL, seed=2)
        self.b.run("get", f"{MODEL}@1")
        self.b.run("get", f"{MODEL}@2")
        self.b.run("deny", f"{MODEL}@2")

        def is_back() -> bool:
            return digests(self.b.current(MODEL)) == digests(old)

        wait_until(is_back, 10, "back at the version before")
        self.b.stop()
        self.b.start()
        for _ in range(10):
            self.b.status()
        self.assertTrue(is_back(), "a denied version is current")

    def test_follows_that_come_together_are_all_kept_over_a_restart(self) -> None:
        names = [f"acme/model-{number}" for number in range(40)]
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self.b.ask("follow", model=name, channel="stable", follow=True), names))
        self.b.kill()
        self.b.start()
        followed = {row["model"] for row in self.b.status()["models"]}
        self.assertEqual(followed, set(names))


if __name__ == "__main__":
    unittest.main()
