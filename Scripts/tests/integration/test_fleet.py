"""The fleet: every node knows what every node runs, and a version reaches them in rings or not at all."""

import subprocess
import unittest
from typing import Any

from node import Node
from test_handoff import DUMMY, MODEL, HandoffTestCase
from serving import InferenceProcess
from waiting import wait_until

PULSING = (*DUMMY, "--pulse")
TRIAL = ("--gate", "watch.seconds=1")
SETTLE_SECONDS = 60.0
KNOWN_SECONDS_MAX = 2.0


class FleetTestCase(HandoffTestCase):
    nodes: list[Node]

    def make_fleet(self, count: int) -> None:
        """Nodes `a`, `b` …, each with labels of its own, that follow the model."""
        names = [chr(ord("a") + number) for number in range(count)]
        self.nodes = [self.a] + [self.cluster.join(name, *self.configuration(name)) for name in names[1:]]
        for node in self.nodes:
            node.run("follow", MODEL)

    def configuration(self, name: str) -> tuple[object, ...]:
        path = self.cluster.folder / f"{name}.toml"
        path.write_text(f'labels = {{ rack = "{"one" if name < "d" else "two"}" }}\n')
        return ("--config", path)

    def publish_beside(self, tag: str, content: bytes) -> None:
        """Publishes a version that the followed channel does not name yet."""
        folder = self.cluster.folder / f"files-{tag}"
        folder.mkdir()
        (folder / "model.bin").write_bytes(content)
        self.a.run("seed", folder, "--model", MODEL, "--version", tag, "--channel", "candidates", *TRIAL)

    def rows(self, asked: Node) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in asked.ask("nodes")["nodes"]}

    def report(self, asked: Node, name: str) -> dict[str, Any]:
        """What `asked` knows of the model on another node."""
        rows = {row["channel"]: row for row in self.rows(asked)[name]["models"]}
        return rows["stable"]

    def served(self, asked: Node) -> dict[str, str]:
        return {node.name: self.report(asked, node.name)["served"]["tag"] for node in self.nodes}

    def wait_served(self, tags: dict[str, str], seconds: float = SETTLE_SECONDS) -> None:
        """Waits until every node knows that each node serves this."""
        for asked in self.nodes:
            wait_until(lambda: self.served(asked) == tags, seconds, f"{asked.name} knows of {tags}")

    def everywhere(self, tag: str) -> dict[str, str]:
        return {node.name: tag for node in self.nodes}

    def ring_of(self, name: str) -> str:
        return f"node={name}"


class KnowledgeTests(FleetTestCase):
    def test_every_node_knows_within_two_seconds_what_every_node_runs(self) -> None:
        self.make_fleet(10)
        self.publish("1", b"one" * 1000)
        self.wait_served(self.everywhere("1"))
        self.publish("2", b"two" * 1000)
        for node in self.nodes:
            wait_until(lambda: (node.model(MODEL, "2") or {}).get("current"), SETTLE_SECONDS, f"{node.name} runs 2")
        self.wait_served(self.everywhere("2"), KNOWN_SECONDS_MAX)
        row = self.rows(self.nodes[-1])["b"]
        self.assertEqual((row["state"], row["labels"]), ("running", {"rack": "one"}))

    def test_a_node_that_ends_shows_as_gone_and_can_be_forgotten(self) -> None:
        self.make_fleet(3)
        self.publish("1", b"one")
        self.wait_served(self.everywhere("1"))
        gone = self.nodes.pop()
        gone.kill()
        wait_until(lambda: self.rows(self.a)["c"]["state"] == "gone", KNOWN_SECONDS_MAX, "c is gone")
        self.a.run("nodes", "forget", "c")
        self.assertNotIn("c", self.rows(self.a))
        self.assert_fails(self.a, "nodes", "forget", "nobody", code=4, says="shoal nodes")
        gone.start()
        self.nodes.append(gone)
        wait_until(lambda: self.rows(self.a).get("c", {}).get("state") == "running", 15, "c is back")

    def test_history_says_which_version_served_where(self) -> None:
        self.make_fleet(2)
        self.publish("1", b"one")
        self.wait_served(self.everywhere("1"))
        self.publish("2", b"two")
        self.wait_served(self.everywhere("2"))
        self.a.stop()
        self.a.start()
        changes = self.a.run("history", MODEL, "--json").json["changes"]
        for name in ("a", "b"):
            steps = [(c["before"]["tag"], c["served"]["tag"]) for c in changes if c["name"] == name]
            self.assertEqual(steps[-2:], [("", "1"), ("1", "2")])

    def test_a_denied_node_has_no_row(self) -> None:
        self.make_fleet(3)
        wait_until(lambda: set(self.rows(self.a)) == {"a", "b", "c"}, 15, "all report")
        self.a.run("deny", "c")
        for node in self.nodes[:2]:
            wait_until(lambda: set(self.rows(node)) == {"a", "b"}, 10, f"{node.name} leaves c out")


class RolloutTestCase(FleetTestCase):
    def start_processes(self) -> None:
        self.publish("1", b"one" * 1000)
        self.servers = {node.name: self.serve(node, PULSING) for node in self.nodes}
        self.wait_served(self.everywhere("1"))

    def begin(self, tag: str, *rings: str, wait: str = "1s") -> None:
        options = [option for ring in rings for option in ("--ring", ring)]
        self.a.run("promote", f"{MODEL}@{tag}", *options, "--wait", wait)

    def status(self) -> dict[str, Any]:
        return self.a.run("rollout", "status", MODEL, "--json").json


class RolloutTests(RolloutTestCase):
    servers: dict[str, InferenceProcess]

    def test_a_good_version_goes_from_ring_to_ring_and_nobody_is_before_its_turn(self) -> None:
        self.make_fleet(5)
        self.start_processes()
        self.publish_beside("2", b"two" * 1000)
        self.begin("2", "node=a", "rack=one", "all")
        self.wait_served({"a": "2", "b": "1", "c": "1", "d": "1", "e": "1"})
        self.assertEqual([ring["released"] for ring in self.status()["rings"]], [True, False, False])
        # Everybody has it by now, and waits.
        for node in self.nodes:
            wait_until(lambda: (node.model(MODEL, "2") or {}).get("state") in ("ready", "serving"), 30, "2 is there")
        done = self.a.run("rollout", "run", MODEL, "--for", "90s", seconds=120)
        self.assertIn("all 3 rings serve the version", done.out)
        self.wait_served(self.everywhere("2"), 5)
        self.assertEqual(self.status()["state"], "complete")

    def test_a_regression_that_shows_at_the_second_ring_is_halted_there(self) -> None:
        self.make_fleet(10)
        self.start_processes()
        self.publish_beside("2", b"errors but on a\n")
        self.begin("2", "node=a", "rack=one", "all")
        done = self.a.run("rollout", "run", MODEL, "--for", "120s", code=5, seconds=150)
        self.assertIn("is halted", done.err)
        self.wait_served(self.everywhere("1"))
        self.assertEqual(self.status()["state"], "halted")
        touched = {change["name"] for change in self.a.run("history", MODEL, "--json").json["changes"]
                   if change["served"]["tag"] == "2"}
        self.assertLessEqual(touched, {"a", "b", "c"})
        self.assertIn("a", touched)
        self.assert_fails(self.a, "promote", f"{MODEL}@2", code=77, says="shoal rollback")
        self.a.run("rollback", MODEL)
        self.wait_served(self.everywhere("1"))
        self.assertEqual(self.status()["state"], "none")

    def test_a_controller_that_dies_is_started_again_elsewhere(self) -> None:
        self.make_fleet(4)
        self.start_processes()
        self.publish_beside("2", b"two" * 1000)
        self.begin("2", "node=a", "node=b+3s", "all+3s")
        controller = self.a.begin("rollout", "run", MODEL)
        self.addCleanup(self.end_controller, controller)
        wait_until(lambda: self.status()["rings"][1]["released"], SETTLE_SECONDS, "the second ring is let go")
        self.end_controller(controller)
        self.assertFalse(self.status()["rings"][2]["released"])
        done = self.nodes[3].run("rollout", "run", MODEL, "--for", "90s", seconds=120)
        self.assertIn("all 3 rings", done.out)
        self.wait_served(self.everywhere("2"), 5)

    @staticmethod
    def end_controller(controller: "subprocess.Popen[str]") -> None:
        controller.kill()
        controller.communicate()

    def test_a_halt_takes_everybody_back_and_the_version_is_not_offered(self) -> None:
        self.make_fleet(3)
        self.start_processes()
        self.publish_beside("2", b"two" * 1000)
        # Who follows another channel that names it would go on offering it.
        self.a.run("unfollow", f"{MODEL}:candidates")
        self.begin("2", "node=b", "all")
        self.wait_served({"a": "1", "b": "2", "c": "1"})
        self.a.run("halt", MODEL)
        self.wait_served(self.everywhere("1"), 10)
        self.cluster.join("late").run("get", f"{MODEL}@2", "--wait", "3", code=2)
        self.a.run("halt", MODEL, "--lift")
        self.wait_served({"a": "1", "b": "2", "c": "1"}, 15)

    def test_a_pin_holds_a_node_back_until_it_is_removed(self) -> None:
        self.make_fleet(3)
        self.start_processes()
        self.a.run("pin", f"{MODEL}@1", "--on", "node=c")
        self.publish("2", b"two" * 1000)
        self.wait_served({"a": "2", "b": "2", "c": "1"})
        self.a.run("pin", MODEL, "--on", "node=c", "--remove")
        self.wait_served(self.everywhere("2"))
        self.assert_fails(self.a, "pin", MODEL, "--on", "node=c", "--remove", code=4)

    def test_a_first_ring_in_which_nobody_is_is_refused(self) -> None:
        self.make_fleet(2)
        self.publish("1", b"one")
        self.wait_served(self.everywhere("1"))
        self.publish_beside("2", b"two")
        self.assert_fails(self.a, "promote", f"{MODEL}@2", "--ring", "rack=nowhere", "--ring", "all", code=4,
                          says="first ring")

    def test_what_is_on_its_way_or_there_is_not_begun_anew(self) -> None:
        self.make_fleet(2)
        self.publish("1", b"one")
        self.wait_served(self.everywhere("1"))
        self.publish_beside("2", b"two")
        self.begin("2", "node=a", "all")
        self.assert_fails(self.a, "promote", f"{MODEL}@2", "--rollout", code=77, says="on its way")
        folder = self.cluster.folder / "files-2"
        publish = ("seed", folder, "--model", MODEL, "--version")
        # Published once more, it stays in its rings; another one waits for the rollout's end.
        self.a.run(*publish, "2", *TRIAL)
        self.assertEqual([ring["released"] for ring in self.status()["rings"]], [True, False])
        self.assert_fails(self.a, *publish, "3", code=77, says="under way")

    def test_an_expected_follower_that_is_missing_holds_the_rollout(self) -> None:
        self.make_fleet(2)
        self.start_processes()
        self.publish_beside("2", b"two" * 1000)
        self.a.run("promote", f"{MODEL}@2", "--ring", "one", "--ring", "all", "--expect", "3", "--wait", "1s")
        done = self.a.run("rollout", "run", MODEL, "--for", "4s", code=2)
        self.assertIn("2 of 3 followers", done.out)


if __name__ == "__main__":
    unittest.main()
