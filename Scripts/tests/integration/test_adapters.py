"""Adapters: servers that do not speak hand-off change over under load without losing a request, by configuration."""

import os
import threading
import unittest

import test_handoff
from cluster import ClusterTestCase
from node import Node
from payload import digests
from test_handoff import MODEL, RATE, RunningLoad, dummy_references
from load import Load, References, Target
from mlserver_process import MLSERVER, NAME, InferenceLoad, MLServerProcess, write_version
from waiting import wait_until

CONTENTS = {"1": b"one" * 1000, "2": b"two" * 1000}
WATCH_SECONDS = 1
# The acceptance asks for 100; each takes as long as the server needs.
SWITCHES = int(os.environ.get("SHOAL_TEST_SWITCHES", "10"))


class RunningServerLoad(RunningLoad):
    """The same load on a server, in its own words."""

    def __init__(self, url: str, references: References, load: type[Load] = InferenceLoad) -> None:
        self.load = load(Target(url, RATE), references)
        self.thread = threading.Thread(target=self.load.run)


class AdapterTestCase(ClusterTestCase):
    """An agent whose configuration gives the model to an adapter."""

    def start_agent(self, adapter: str) -> Node:
        a = self.cluster.make("a")
        a.run("init", "--cluster", "test", "--node", "a")
        config = a.folder / "shoal.toml"
        config.write_text(f'[[handoff.adapter]]\nmodels = ["{MODEL}"]\n{adapter}\n')
        self.options = ("--config", config)
        a.start(*self.options)
        return a

    def publish(self, node: Node, tag: str, content: bytes) -> None:
        folder = self.cluster.folder / f"files-{tag}"
        write_version(folder, tag, content)
        node.run("seed", folder, "--model", MODEL, "--version", tag, "--gate", f"watch.seconds={WATCH_SECONDS}")

    def publish_all(self, node: Node) -> References:
        """Versions 1 and 2, which have stood their trials: whose server ends after that is not to blame."""
        for number, (tag, content) in enumerate(CONTENTS.items(), 1):
            self.publish(node, tag, content)
            self.wait_serving(node, tag)
            wait_until(lambda: node.log.read_text().count("proven") >= number, 20, f"{tag} stands its trial")
        return dummy_references(CONTENTS)

    def switch(self, node: Node, load: RunningLoad) -> None:
        """To and fro under load."""
        load.wait_for_answers(test_handoff.ANSWERS_BEFORE_SWITCHES)
        for number in range(SWITCHES):
            self.last = ("1", "2")[number % 2]
            node.run("promote", f"{MODEL}@{self.last}")
            self.wait_serving(node, self.last)
            load.wait_for_answers(test_handoff.ANSWERS_BETWEEN_SWITCHES, self.last)

    def wait_serving(self, node: Node, tag: str, seconds: float = 30.0) -> None:
        """By the agent's word, which is the server's."""
        wait_until(lambda: (node.model(MODEL, tag) or {}).get("serving"), seconds, f"{node.name} serves {tag}")

    def wait_failed(self, node: Node, tag: str, says: str, seconds: float = 30.0) -> None:
        def failed() -> dict | None:
            row = node.model(MODEL, tag)
            return row if row and row["state"] == "failed" and row["error"] else None

        row = wait_until(failed, seconds, f"{node.name} says why {tag} is not served")
        self.assertIn(says, row["error"])


@unittest.skipUnless(MLSERVER.exists(), "MLServer is not there; Scripts/install brings it")
class MLServerTests(AdapterTestCase):
    """`v2` with the real server."""

    START_SECONDS_MAX = 90.0

    def setUp(self) -> None:
        super().setUp()
        port_holder = self.cluster.make("port")  # a folder for the server's log, and its port
        self.server = MLServerProcess(port_holder, self.cluster.folder / "a" / "state" / "handoff" / "links")
        self.a = self.start_agent(f'kind = "v2"\nurl = "{self.server.url}"')
        self.addCleanup(self.server.end)
        self.server.start()
        wait_until(self.server.is_live, self.START_SECONDS_MAX, "MLServer answers")

    def test_switches_under_load_fail_no_request(self) -> None:
        references = self.publish_all(self.a)
        with RunningServerLoad(self.server.url, references) as load:
            self.switch(self.a, load)
        self.assertEqual(load.summary["failures"], {})
        self.assertEqual(set(load.summary["versions"]), {"1", "2"})

    def test_bad_candidate_leaves_the_old_version_ready(self) -> None:
        references = self.publish_all(self.a)
        with RunningServerLoad(self.server.url, references) as load:
            load.wait_for_answers(5)
            self.publish(self.a, "3", b"broken from the start")
            self.wait_failed(self.a, "3", "broken on purpose")
            self.assertEqual([row["state"] for row in self.server.index() if row["name"] == NAME], ["READY"])
            self.assertEqual(self.server.served_version(), "2")
            self.assertEqual(digests(self.a.current(MODEL)), digests(self.cluster.folder / "files-2"))
            load.wait_for_answers(5, "2")
        self.assertEqual(load.summary["failures"], {})
        # A server that starts now finds the old version, too.
        self.server.end()
        self.server.start()
        wait_until(lambda: self.server.served_version() == "2", self.START_SECONDS_MAX, "MLServer serves 2 again")

    def test_agent_may_die_and_come_back(self) -> None:
        references = self.publish_all(self.a)
        with RunningServerLoad(self.server.url, references) as load:
            self.a.kill()
            load.wait_for_answers(25)
            self.a.start(*self.options)
            self.wait_serving(self.a, "2")
            self.a.run("promote", f"{MODEL}@1")
            self.wait_serving(self.a, "1")
            load.wait_for_answers(5, "1")
        self.assertEqual(load.summary["failures"], {})

    def test_server_that_comes_back_serves_what_it_served_and_takes_the_next(self) -> None:
        self.publish_all(self.a)
        self.server.end()
        self.server.start()
        wait_until(lambda: self.server.served_version() == "2", self.START_SECONDS_MAX, "MLServer serves 2 again")
        self.a.run("promote", f"{MODEL}@1")
        wait_until(lambda: self.server.served_version() == "1", 60, "MLServer takes 1")


if __name__ == "__main__":
    unittest.main()
