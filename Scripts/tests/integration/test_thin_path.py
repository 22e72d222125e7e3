"""The thin path: init, token create, join, agent, seed and get move files between two agents; who restarts, goes on."""

import signal
import subprocess
import time
import unittest
from pathlib import Path

from cluster import ClusterTestCase
from node import SHOAL, Node
from payload import MIB, digests, tree
from waiting import wait_until

MODEL = "acme/detector"
SIZES = {"model.onnx": 3 * MIB + 17, "tokens/vocab.txt": 4096, "tokens/empty": 0}

NODE_FIELDS = {"id": str, "name": str, "cluster": str, "labels": dict, "listen": str, "software": str,
               "started_at": str, "state": str}
NEIGHBOUR_FIELDS = {"id": str, "name": str, "address": str, "state": str, "reason": str, "round_trip_ms": int,
                    "received_bytes": int, "sent_bytes": int}
MODEL_FIELDS = {"model": str, "version": str, "tag": str, "channel": str, "variant": str, "bytes_total": int,
                "bytes_verified": int, "wasted_bytes": int, "stale": bool, "error": str, "state": str}


class PairTestCase(ClusterTestCase):
    """Two nodes, `a` and `b`, and a folder with files to publish."""

    def setUp(self) -> None:
        super().setUp()
        self.files = tree(self.cluster.folder / "files", SIZES)
        self.a = self.cluster.first("a")

    def pair(self) -> tuple[Node, Node]:
        b = self.cluster.join("b")
        b.wait_connected("a")
        return self.a, b

    def publish(self, tag: str = "1", node: Node | None = None) -> None:
        (node or self.a).run("seed", self.files, "--model", MODEL, "--version", tag)


class ThinPathTests(PairTestCase):
    def test_published_files_arrive_whole_on_the_node_that_gets_them(self) -> None:
        a, b = self.pair()
        self.publish()
        got = b.run("get", f"{MODEL}@1", "--json").json
        self.assertEqual(digests(Path(got["path"])), digests(self.files))
        self.assertEqual(got["tag"], "1")
        total = sum(SIZES.values())
        row = b.wait_complete(MODEL, "1")
        self.assertEqual((row["bytes_total"], row["bytes_verified"]), (total, total))
        self.assertEqual(row["received_bytes"], {"neighbour": total, "origin": 0, "local": 0})
        self.assertEqual(row["version"], got["version"])
        self.assertEqual(b.neighbour("a")["received_bytes"], total)
        self.assertEqual(a.neighbour("b")["sent_bytes"], total)

    def test_current_names_what_get_fetched_where_the_model_is_not_followed(self) -> None:
        _, b = self.pair()
        self.publish()
        b.run("get", MODEL)
        self.assertEqual(digests(b.wait_current(MODEL, "1")), digests(self.files))
        self.assertTrue(b.current(MODEL).is_symlink())

    def test_status_holds_every_promised_field(self) -> None:
        a, b = self.pair()
        self.publish()
        b.run("get", MODEL)
        status = b.run("status", "--json").json
        self.assertIn("schema", status)
        self.assert_fields(status["node"], NODE_FIELDS)
        self.assertEqual((status["node"]["name"], status["node"]["state"]), ("b", "running"))
        self.assertEqual(status["node"]["listen"], b.address)
        (neighbour,) = status["neighbours"]
        self.assert_fields(neighbour, NEIGHBOUR_FIELDS)
        self.assertEqual((neighbour["name"], neighbour["state"]), ("a", "connected"))
        self.assertEqual(neighbour["id"], a.status()["node"]["id"])
        (model,) = status["models"]
        self.assert_fields(model, MODEL_FIELDS)
        self.assertEqual(set(model["received_bytes"]), {"neighbour", "origin", "local"})
        self.assertIsNone(model["serving"])

    def assert_fields(self, row: dict[str, object], fields: dict[str, type]) -> None:
        for name, kind in fields.items():
            with self.subTest(field=name):
                self.assertIs(type(row.get(name)), kind)

    def test_publishing_the_same_again_is_done_and_other_files_under_the_tag_are_refused(self) -> None:
        self.publish()
        self.publish()
        with open(self.files / "model.onnx", "ab") as file:
            file.write(b"more")
        self.assert_fails(self.a, "seed", self.files, "--model", MODEL, "--version", "1", code=1, says="1")
        self.publish("2")
        self.assertEqual(self.a.run("list", MODEL, "--latest").out, "2\n")

    def test_get_of_what_nobody_knows_exits_with_4_and_with_wait_with_2(self) -> None:
        _, b = self.pair()
        start = time.monotonic()
        self.assert_fails(b, "get", "acme/unknown", code=4, says="acme/unknown")
        self.assertLess(time.monotonic() - start, 7.0)
        self.assert_fails(b, "get", "acme/unknown", "--wait", "1", code=2)
        self.publish()
        self.assert_fails(b, "get", f"{MODEL}@none", code=4, says="none")

    def test_get_that_waits_sees_a_version_that_is_published_later(self) -> None:
        _, b = self.pair()
        waiting = b.begin("get", f"{MODEL}@1", "--wait", "60", "--json")
        try:
            wait_until(lambda: b.is_running and waiting.poll() is None, 5, "get waits")
            self.publish()
            out, err = waiting.communicate(timeout=60)
            self.assertEqual(waiting.returncode, 0, err)
            self.assertIn('"path"', out)
        finally:
            waiting.kill()
            waiting.communicate()

    def test_one_node_alone_publishes_and_has_the_version_as_current(self) -> None:
        self.publish()
        row = self.a.wait_complete(MODEL, "1")
        self.assertEqual(row["received_bytes"]["neighbour"], 0)
        self.assertEqual(digests(self.a.wait_current(MODEL, "1")), digests(self.files))
        self.assertEqual(self.a.current(MODEL).parent, self.a.state / "models" / "acme" / "detector")


class RestartTests(PairTestCase):
    def test_follow_and_peers_survive_a_restart(self) -> None:
        _, b = self.pair()
        b.run("follow", MODEL)
        (row,) = b.status()["models"]
        self.assertEqual((row["model"], row["channel"], row["state"]), (MODEL, "stable", "waiting"))
        b.stop()
        b.start()
        b.wait_connected("a")
        self.publish()
        b.wait_complete(MODEL, "1")
        b.run("unfollow", MODEL)
        b.stop()
        b.start()
        self.publish_more("2")
        b.wait_connected("a")
        self.assertIsNone(b.model(MODEL, "2"))

    def publish_more(self, tag: str) -> None:
        with open(self.files / "model.onnx", "ab") as file:
            file.write(tag.encode())
        self.publish(tag)

    def test_version_survives_a_restart_without_another_transfer(self) -> None:
        _, b = self.pair()
        self.publish()
        b.run("get", MODEL)
        b.stop()
        b.start()
        row = b.wait_complete(MODEL, "1")
        total = sum(SIZES.values())
        self.assertEqual(row["received_bytes"]["neighbour"], total)
        b.wait_connected("a")
        self.assertEqual(b.neighbour("a")["received_bytes"], 0)
        self.assertEqual(digests(b.wait_current(MODEL, "1")), digests(self.files))

    def test_second_agent_on_the_same_state_is_refused_by_name(self) -> None:
        result = self.a.run("agent", "--listen", "127.0.0.1:0", code=None)
        self.assertNotEqual(result.code, 0)
        self.assertIn(str(self.a.state), result.err)
        self.assertEqual(self.a.status()["node"]["name"], "a")

    def test_sigterm_ends_an_agent_within_two_seconds_and_its_neighbours_are_told(self) -> None:
        a, b = self.pair()
        self.assertLess(b.stop(), 2.0)
        a.wait_for(lambda s: [n for n in s["neighbours"] if n["name"] == "b" and n["state"] == "gone"], 2, "b is gone")
        self.assertLess(a.stop(), 2.0)

    def test_interrupt_ends_an_agent_as_well(self) -> None:
        assert self.a.process is not None
        self.a.process.send_signal(signal.SIGINT)
        self.assertEqual(self.a.process.wait(5), 0)
        self.a.process = None


class ErrorTests(PairTestCase):
    def test_commands_without_an_agent_exit_with_69(self) -> None:
        self.a.stop()
        for arguments in (["status"], ["list"], ["get", MODEL], ["token", "create"]):
            with self.subTest(command=arguments[0]):
                self.assert_fails(self.a, *arguments, code=69, says="no agent")

    def test_wrong_usage_exits_with_64(self) -> None:
        for arguments in (["get"], ["get", "../x"], ["status", "--nonsense"], ["remove", MODEL], ["list", "--latest"]):
            with self.subTest(arguments=arguments):
                self.assert_fails(self.a, *arguments, code=64)

    def test_unknown_key_of_the_configuration_is_named_with_line_and_column(self) -> None:
        b = self.cluster.join("b", start=False)
        config = self.cluster.folder / "shoal.toml"
        config.write_text('labels = { rack = "r1" }\n  colour = "blue"\n')
        self.assert_fails(b, "agent", "--config", config, code=78, says=f"{config}:2:3")

    def test_configuration_file_is_used_and_the_command_line_goes_before_it(self) -> None:
        b = self.cluster.join("b", start=False)
        config = self.cluster.folder / "shoal.toml"
        labels = 'labels = { rack = "r1", zone = "z" }'
        config.write_text(f'listen = "127.0.0.1:1"\npeers = ["{self.a.address}"]\n{labels}\n')
        b.start("--config", config, "--label", "zone=east")
        b.wait_connected("a")
        node = b.status()["node"]
        self.assertEqual(node["labels"], {"rack": "r1", "zone": "east"})
        self.assertEqual(node["listen"], b.address)

    def test_agent_on_a_folder_that_is_in_no_cluster_exits_with_78(self) -> None:
        self.assert_fails(self.cluster.make("nobody"), "agent", code=78, says="init")

    def test_socket_path_that_is_too_long_is_refused_by_name(self) -> None:
        long = self.cluster.folder / ("x" * 120)
        self.a.stop()
        result = self.a.run("agent", "--listen", self.a.address, "--control", long, code=None)
        self.assertEqual(result.code, 78)
        self.assertIn("107", result.err)

    def test_agent_that_finds_a_publishing_key_in_its_state_exits_with_78(self) -> None:
        self.a.stop()
        for key in self.cluster.keys.glob("publish.pem"):
            (self.a.state / "keys" / "node.pem").write_bytes(key.read_bytes())
        self.assert_fails(self.a, "agent", "--listen", self.a.address, code=78)

    def test_state_folder_can_come_from_the_environment(self) -> None:
        environment = {**self.cluster.environment, "SHOAL_STATE": str(self.a.state)}
        done = subprocess.run([SHOAL, "status", "--json"], env=environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"neighbours"', done.stdout)

    def test_version_says_what_the_binary_is(self) -> None:
        done = subprocess.run([SHOAL, "version", "--json"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0)
        self.assertIn("shoal/1", done.stdout)


if __name__ == "__main__":
    unittest.main()
