"""Hand-off: inference processes change over under load without losing a request; what breaks leaves the old serving."""

import importlib.util
import subprocess
import sys
import threading
import unittest
from pathlib import Path

from cluster import ClusterTestCase
from node import ROOT, Node
from payload import digests
from waiting import wait_until

sys.path.insert(0, str(ROOT / "Scripts" / "demo.d"))
sys.path.insert(0, str(ROOT / "Scripts" / "inference"))

from load import TEXTS, Load, References, Target  # noqa: E402
from serving import ORT_SERVER, InferenceProcess  # noqa: E402

HERE = Path(__file__).resolve().parent
MODEL = "acme/detector"
MODEL_FILES = ROOT / ".build-models" / "minilm"
DUMMY = (str(HERE / "dummy_runtime.py"),)
RATE = 25.0
SWITCHES = 100
ANSWERS_BETWEEN_SWITCHES = 3
ANSWERS_BEFORE_SWITCHES = 50
MODEL_BUILD_SECONDS_MAX = 900


class RunningLoad:
    """The open loop of the demo, on a thread, for as long as the block lasts."""

    def __init__(self, url: str, references: References) -> None:
        self.load = Load(Target(url, RATE), references)
        self.thread = threading.Thread(target=self.load.run)

    def __enter__(self) -> "RunningLoad":
        self.times_before = processor_times()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.load.stop()
        self.thread.join()
        self.summary = self.load.results.summary()
        print(f"load: {self.summary}")

    def answered(self, tag: str = "") -> int:
        """Right answers so far, of one version or of all."""
        versions = self.load.results.versions
        return versions[tag] if tag else versions.total()

    def wait_for_answers(self, count: int, tag: str = "") -> None:
        """Waits for so many more."""
        goal = self.answered(tag) + count
        wait_until(lambda: self.answered(tag) >= goal, 10 + 2 * count / RATE, f"{count} more answers of {tag or 'any'}")

    @property
    def idle_share(self) -> float:
        """How much of the processors was idle since the load began."""
        busy, all_time = (after - before for after, before in zip(processor_times(), self.times_before, strict=True))
        return 1 - busy / max(all_time, 1)


def processor_times() -> tuple[int, int]:
    """(busy, all) time of the machine's processors so far."""
    numbers = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(numbers) - numbers[3] - numbers[4], sum(numbers)


def build_models() -> None:
    """Builds the real model's fp32 and int8 into MODEL_FILES, where they are not yet."""
    subprocess.run([ROOT / "Scripts" / "models" / "minilm"], check=True, timeout=MODEL_BUILD_SECONDS_MAX,
                   stdout=subprocess.DEVNULL)


class HandoffTestCase(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")

    def publish(self, tag: str, content: bytes) -> None:
        folder = self.cluster.folder / f"files-{tag}"
        folder.mkdir()
        (folder / "model.bin").write_bytes(content)
        self.a.run("seed", folder, "--model", MODEL, "--version", tag)

    def serve(self, node: Node, program: tuple[str, ...] = DUMMY, wait: bool = True) -> InferenceProcess:
        server = InferenceProcess(node, MODEL, program)
        self.addCleanup(server.end)
        server.start()
        if wait:
            wait_until(server.served_version, 30, f"the inference process on {node.name} serves something")
        return server

    def wait_serving(self, server: InferenceProcess, tag: str, seconds: float = 30.0) -> None:
        wait_until(lambda: server.served_version() == tag, seconds, f"{tag} is served on {server.node.name}")

    def wait_status(self, node: Node, tag: str) -> None:
        """Waits until the node's status says that this version is served."""
        wait_until(lambda: (node.model(MODEL, tag) or {}).get("serving"), 20, f"status of {node.name}: serving {tag}")

    def switch_under_load(self, server: InferenceProcess, references: References, tags: tuple[str, str]) -> None:
        with RunningLoad(server.url, references) as load:
            load.wait_for_answers(ANSWERS_BEFORE_SWITCHES)
            print(f"under the load alone the processors were idle for {load.idle_share:.0%} of the time")
            for number in range(SWITCHES):
                tag = tags[number % 2]
                self.a.run("promote", f"{MODEL}@{tag}")
                self.wait_serving(server, tag)
                load.wait_for_answers(ANSWERS_BETWEEN_SWITCHES, tag)
        self.assertEqual(load.summary["failures"], {})
        self.assertEqual(set(load.summary["versions"]), set(tags))
        self.assertGreater(load.summary["answered"], 0)


def dummy_references(contents: dict[str, bytes]) -> References:
    from dummy_runtime import embedding

    return {tag: [embedding(content, text) for text in TEXTS] for tag, content in contents.items()}


class DummyHandoffTests(HandoffTestCase):
    CONTENTS = {"1": b"one" * 1000, "2": b"two" * 1000}

    def publish_all(self) -> References:
        for tag, content in self.CONTENTS.items():
            self.publish(tag, content)
        return dummy_references(self.CONTENTS)

    def test_hundred_switches_under_load_fail_no_request(self) -> None:
        references = self.publish_all()
        self.switch_under_load(self.serve(self.a), references, ("1", "2"))

    def test_candidate_that_fails_to_load_leaves_the_old_version_serving_and_the_reason_in_status(self) -> None:
        references = self.publish_all()
        server = self.serve(self.a)
        self.wait_serving(server, "2")
        self.wait_status(self.a, "2")
        with RunningLoad(server.url, references) as load:
            load.wait_for_answers(5)
            self.publish("3", b"broken from the start")
            row = wait_until(lambda: self.row_with_error("3"), 20, "status says why 3 is not served")
            self.assertIn("broken on purpose", row["error"])
            self.assertEqual(server.served_version(), "2")
            self.assertEqual(digests(self.a.current(MODEL)), digests(self.cluster.folder / "files-2"))
            load.wait_for_answers(5, "2")
            self.a.run("promote", f"{MODEL}@1")
            self.wait_serving(server, "1")
            load.wait_for_answers(5, "1")
        self.assertEqual(load.summary["failures"], {})

    def row_with_error(self, tag: str) -> dict | None:
        row = self.a.model(MODEL, tag)
        return row if row and row["error"] else None

    def test_agent_may_die_and_come_back_while_requests_are_answered(self) -> None:
        references = self.publish_all()
        server = self.serve(self.a)
        self.wait_status(self.a, "2")
        with RunningLoad(server.url, references) as load:
            self.a.kill()
            load.wait_for_answers(25)  # nobody needs the agent for them
            self.a.start()
            self.wait_status(self.a, "2")
            self.a.run("promote", f"{MODEL}@1")
            self.wait_serving(server, "1")
        self.assertEqual(load.summary["failures"], {})

    def test_inference_process_that_comes_back_gets_the_served_version_again(self) -> None:
        self.publish_all()
        server = self.serve(self.a)
        self.wait_serving(server, "2")
        server.end()
        self.wait_serving(self.serve(self.a), "2")

    def test_current_waits_for_the_inference_process_that_the_configuration_promises(self) -> None:
        b = self.cluster.join("b", start=False)
        config = b.folder / "shoal.toml"
        config.write_text(f'[handoff]\nmodels = ["{MODEL}"]\n')
        b.start("--config", config)
        b.run("follow", MODEL)
        self.publish("1", self.CONTENTS["1"])
        b.wait_complete(MODEL, "1")
        self.assertFalse(b.current(MODEL).exists())
        self.serve(b)
        wait_until(b.current(MODEL).exists, 10, "current of b")
        row = b.model(MODEL, "1")
        self.assertEqual((row["state"], row["serving"]["tag"]), ("serving", "1"))

    def test_user_that_no_rule_names_binds_no_model(self) -> None:
        b = self.cluster.join("b", start=False)
        config = b.folder / "shoal.toml"
        config.write_text('[handoff]\nallow = [{ uid = 4242, models = ["*"] }]\n')
        b.start("--config", config)
        b.run("follow", MODEL)
        self.publish("1", self.CONTENTS["1"])
        b.wait_complete(MODEL, "1")
        server = self.serve(b, wait=False)
        wait_until(lambda: "refused by the agent" in server.log.read_text(), 10, "the process is told that it may not")
        self.assertIsNone(server.served_version())


@unittest.skipUnless(importlib.util.find_spec("onnxruntime"), "onnxruntime is not there; Scripts/install brings it")
class ModelHandoffTests(HandoffTestCase):
    """The same with the real model and ONNX Runtime."""

    TAGS = ("fp32", "int8")

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        build_models()

    def test_hundred_switches_of_a_real_model_under_load_fail_no_request(self) -> None:
        import references

        for tag in self.TAGS:
            self.a.run("seed", MODEL_FILES / tag, "--model", MODEL, "--version", tag)
        expected = {tag: references.embeddings(MODEL_FILES / tag, TEXTS) for tag in self.TAGS}
        self.switch_under_load(self.serve(self.a, ORT_SERVER), expected, self.TAGS)


if __name__ == "__main__":
    unittest.main()
