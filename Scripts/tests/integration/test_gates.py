"""Gates: a candidate that is not what its publisher expects never serves; one that fails later is taken back."""

import importlib.util
import shutil
import sys
import unittest
from pathlib import Path
from typing import Any

from node import Node
from test_handoff import DUMMY, MODEL, MODEL_FILES, HandoffTestCase, RunningLoad, build_models
from dummy_runtime import embedding
from load import TEXTS
from serving import INFERENCE, ORT_SERVER
from waiting import wait_until

TEXT_BYTES = 128
GOOD_VERSIONS = 100
LATENCY_REQUESTS = 100  # So many are taken together, from one health message to another.
PULSING = (*DUMMY, "--pulse")


def write_calibration(folder: Path, content: bytes) -> tuple[Path, Path]:
    """Inputs and expected outputs of a version of this content, as `seed` takes them."""
    return write_expectation(folder, [embedding(content, text) for text in TEXTS])


def write_expectation(folder: Path, embeddings: list[list[float]]) -> tuple[Path, Path]:
    """The same for known embeddings of TEXTS."""
    import numpy
    from shoal_runtime.calibration import write_tensors

    folder.mkdir()
    texts = numpy.zeros((len(TEXTS), TEXT_BYTES), numpy.uint8)
    for row, text in zip(texts, TEXTS, strict=True):
        row[: len(text)] = list(text.encode())
    inputs, outputs = folder / "inputs.safetensors", folder / "outputs.safetensors"
    write_tensors(str(inputs), {"text": texts})
    write_tensors(str(outputs), {"embedding": numpy.asarray(embeddings, numpy.float32)})
    return inputs, outputs


class GateTestCase(HandoffTestCase):
    GOOD = b"a good one\n" * 500

    def setUp(self) -> None:
        super().setUp()
        self.contents: dict[str, bytes] = {}

    def publish_calibrated(self, tag: str, content: bytes, *options: object, expected: bytes | None = None) -> None:
        """Publishes a version that is expected to answer as `expected` would, or as it does."""
        folder = self.cluster.folder / f"files-{tag}"
        folder.mkdir()
        (folder / "model.bin").write_bytes(content)
        inputs, outputs = write_calibration(self.cluster.folder / f"calibration-{tag}", expected or content)
        self.contents[tag] = content
        self.a.run("seed", folder, "--model", MODEL, "--version", tag, "--calibration", inputs, "--expect", outputs,
                   *options)

    def wait_set_aside(self, tag: str, says: str, seconds: float = 30.0) -> None:
        row = wait_until(lambda: self.set_aside(self.a, tag), seconds, f"{tag} is set aside and serves no more")
        self.assertIn(says, row["error"])

    @staticmethod
    def set_aside(node: Node, tag: str) -> dict[str, Any] | None:
        """Its row, once it is set aside; one that has served does so until the version before it is back."""
        row = node.model(MODEL, tag)
        return row if row and "set aside" in row["error"] and row["state"] == "failed" else None

    def references(self) -> dict[str, list[list[float]]]:
        return {tag: [embedding(content, text) for text in TEXTS] for tag, content in self.contents.items()}


class GateTests(GateTestCase):
    def test_a_good_version_passes_and_serves(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        self.publish_calibrated("2", b"another\n" * 500)
        self.wait_serving(server, "2")
        self.assertEqual((self.a.state / "handoff" / "outputs").exists() and
                         list((self.a.state / "handoff" / "outputs").iterdir()), [])

    def test_candidates_that_the_gates_keep_out_leave_the_old_one_serving(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        with RunningLoad(server.url, self.references()) as load:
            load.wait_for_answers(5)
            for number, (content, says) in enumerate((
                (b"other weights\n", "cosine.min"), (b"nan\n", "not a finite number"),
                (b"wrong shape\n", "in the shape [4]"), (b"out of memory\n", "out_of_memory"),
                (b"broken\n", "broken on purpose"),
            )):
                tag = f"bad-{number}"
                expected = self.GOOD if content == b"other weights\n" else None
                self.publish_calibrated(tag, content, expected=expected)
                self.wait_set_aside(tag, says)
                self.assertEqual(server.served_version(), "1")
                self.a.run("retry", MODEL)
                self.a.run("promote", f"{MODEL}@1")
            load.wait_for_answers(5, "1")
        self.assertEqual(load.summary["failures"], {})

    def test_a_slow_candidate_is_kept_out_by_its_latency(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        self.publish_calibrated("2", b"slow\n")
        self.wait_set_aside("2", "latency.ratio.max")
        self.assertEqual(server.served_version(), "1")

    def test_limits_on_either_side_of_what_is_measured_pass_and_fail(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        other = b"something else\n"
        self.publish_calibrated("2", other, "--gate", "cosine.min=-1", expected=self.GOOD)
        self.wait_serving(server, "2")
        self.publish_calibrated("3", other + b"\n", "--gate", "cosine.min=0.9999", expected=self.GOOD)
        self.wait_set_aside("3", "cosine.min")

    def test_a_version_that_fails_requests_after_the_switch_is_taken_back(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        self.publish_calibrated("2", b"errors\n")
        with RunningLoad(server.url, self.references()):
            self.wait_set_aside("2", "requests failed after the switch", seconds=60)
            self.wait_serving(server, "1", seconds=10)

    def test_a_version_that_is_slow_after_the_switch_is_taken_back(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        with RunningLoad(server.url, self.references()) as load:
            load.wait_for_answers(4 * LATENCY_REQUESTS, "1")
            self.publish_calibrated("2", b"slow later\n")
            self.wait_set_aside("2", "in place of", seconds=60)
            self.wait_serving(server, "1", seconds=10)

    def test_what_was_set_aside_is_not_tried_after_a_restart_but_when_an_operator_says_so(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        self.publish_calibrated("2", b"nan\n")
        self.wait_set_aside("2", "not a finite number")
        self.a.stop()
        self.a.start()
        self.wait_set_aside("2", "not a finite number")
        self.wait_status(self.a, "1")
        before = self.a.log.read_text().count("setAside")
        self.a.run("retry", f"{MODEL}@2")
        wait_until(lambda: self.a.log.read_text().count("setAside") > before, 30, "it is tried again, and fails again")

    def test_a_gate_that_this_build_does_not_know_is_refused_before_anything_is_published(self) -> None:
        folder = self.cluster.folder / "files"
        folder.mkdir()
        (folder / "model.bin").write_bytes(b"x")
        done = self.a.run("seed", folder, "--model", MODEL, "--version", "1", "--gate", "colour=red", code=64)
        self.assertIn("colour", done.err)
        for text in ("cosine.min=2", "cosine.min=0.9", "cosine.min", "watch.seconds=1e3", "latency.ratio.max=0"):
            self.a.run("seed", folder, "--model", MODEL, "--version", "1", "--gate", text, code=64)


    def test_gates_of_a_version_do_not_change(self) -> None:
        folder = self.cluster.folder / "files"
        folder.mkdir()
        (folder / "model.bin").write_bytes(b"x")
        publish = ("seed", folder, "--model", MODEL, "--version", "1", "--gate")
        self.a.run(*publish, "watch.seconds=5")
        self.a.run(*publish, "watch.seconds=5")
        self.assert_fails(self.a, *publish, "watch.seconds=6", code=1, says="watch.seconds=5")

    def test_a_broken_calibration_is_refused_before_anything_is_published(self) -> None:
        folder = self.cluster.folder / "files"
        folder.mkdir()
        (folder / "model.bin").write_bytes(b"x")
        inputs, outputs = write_calibration(self.cluster.folder / "calibration", b"x")
        whole = outputs.read_bytes()
        publish = ("seed", folder, "--model", MODEL, "--version", "1", "--calibration", inputs, "--expect", outputs)
        for broken in (b"", whole[:40], whole[:-1], b"\xff" * 100):
            outputs.write_bytes(broken)
            self.assert_fails(self.a, *publish, code=64, says=str(outputs))
        self.assert_fails(self.a, "show", f"{MODEL}@1", code=4)


class ManyKindsTests(GateTestCase):
    """What is wrong with a version, on every node of the cluster."""

    REFUSE_SECONDS_MAX = 10.0
    # What is published, what its publisher expects (None: what it answers), further gates, and what the node says.
    KINDS = (
        ("flipped weights", b"a good one\nflipped", b"a good one\n", (), "cosine.min"),
        ("swapped layers", b"one\na good \n", b"a good one\n", (), "cosine.min"),
        ("wrong tokenizer", b"wrong tokenizer\n", None, (), "cosine.min"),
        ("a stale copy under a new name", GateTestCase.GOOD, b"what it should be\n", (), "cosine.min"),
        ("far in one number", b"far\n", b"near\n", ("cosine.min=-1", "difference.max=0.001"), "difference.max"),
        ("another arg-max", b"far\n", b"near\n", ("cosine.min=-1", "argmax.min=1"), "argmax.min"),
        ("NaN", b"nan\n", None, (), "not a finite number"),
        ("infinity", b"infinity\n", None, (), "not a finite number"),
        ("wrong output shape", b"wrong shape\n", None, (), "in the shape [4]"),
        ("an output that is missing", b"missing output\n", None, (), "embedding"),
        ("a truncated export", b"broken\n", None, (), "broken on purpose"),
        ("four times as slow", b"slow\n", None, (), "latency.ratio.max"),
        ("out of memory", b"out of memory\n", None, (), "out_of_memory"),
    )

    def setUp(self) -> None:
        super().setUp()
        self.nodes = [self.a, self.cluster.join("b")]
        self.nodes[1].run("follow", MODEL)

    def test_each_kind_is_kept_out_on_every_node_and_never_tried_again(self) -> None:
        self.publish_calibrated("1", self.GOOD)
        servers = [self.serve(node) for node in self.nodes]
        for server in servers:
            self.wait_serving(server, "1")
        for number, (kind, content, expected, gates, says) in enumerate(self.KINDS):
            with self.subTest(kind):
                self.check(f"bad-{number}", content, expected or content, gates, says, servers)

    def check(self, tag: str, content: bytes, expected: bytes, gates: tuple[str, ...], says: str,
              servers: list[Any]) -> None:
        options = [option for gate in gates for option in ("--gate", gate)]
        self.publish_calibrated(tag, content, *options, expected=expected)
        for node in self.nodes:
            row = wait_until(lambda: self.set_aside(node, tag), self.REFUSE_SECONDS_MAX, f"{tag} on {node.name}")
            self.assertIn(says, row["error"])
        self.assertEqual({server.served_version() for server in servers}, {"1"})
        tries = [node.log.read_text().count("setAside") for node in self.nodes]
        # Another try would come with the next head, if one were to come.
        self.a.run("promote", f"{MODEL}@1")
        self.a.run("promote", f"{MODEL}@{tag}")
        self.a.run("promote", f"{MODEL}@1")
        self.assertEqual([node.log.read_text().count("setAside") for node in self.nodes], tries)
        for node in self.nodes:
            node.run("retry", MODEL)

    def test_hundred_good_versions_are_all_accepted(self) -> None:
        server = None
        for number in range(1, GOOD_VERSIONS + 1):
            self.publish_calibrated(str(number), f"good {number}\n".encode() * 100, "--gate", "watch.seconds=0")
            server = server or self.serve(self.a)
            self.wait_serving(server, str(number))
            self.assertNotIn("set aside", self.a.model(MODEL, str(number))["error"])


@unittest.skipUnless(importlib.util.find_spec("onnxruntime"), "onnxruntime is not there; Scripts/install brings it")
class QuantizedModelTests(GateTestCase):
    """The real model: what int8 costs in likeness decides, on either side of a limit."""

    MARGIN = 0.002

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        build_models()

    def publish_int8(self, tag: str, cosine_min: float) -> None:
        # A file of its own makes it another version.
        folder = self.cluster.folder / tag
        shutil.copytree(MODEL_FILES / "int8", folder)
        (folder / "NOTES.txt").write_text(tag)
        inputs, outputs = self.calibration
        self.a.run("seed", folder, "--model", MODEL, "--version", tag, "--calibration", inputs, "--expect", outputs,
                   "--gate", f"cosine.min={cosine_min:.4f}", "--gate", "latency.ratio.max=100")

    def test_int8_passes_a_limit_below_its_cosine_and_fails_one_above(self) -> None:
        import numpy
        import references

        exact, quantized = (numpy.asarray(references.embeddings(MODEL_FILES / tag, TEXTS)) for tag in ("fp32", "int8"))
        measured = float((exact * quantized).sum(axis=1).min())
        low, high = (0.95, 0.99) if 0.95 < measured < 0.99 else (measured - self.MARGIN, measured + self.MARGIN)
        print(f"int8 has a cosine of at least {measured:.4f} to fp32; limits {low:.4f} and {high:.4f}")
        self.calibration = write_expectation(self.cluster.folder / "calibration", exact.tolist())
        self.a.run("seed", MODEL_FILES / "fp32", "--model", MODEL, "--version", "fp32")
        server = self.serve(self.a, ORT_SERVER)
        self.wait_serving(server, "fp32")
        self.publish_int8("strict", high)
        self.wait_set_aside("strict", "cosine.min")
        self.assertEqual(server.served_version(), "fp32")
        self.publish_int8("lenient", low)
        self.wait_serving(server, "lenient")


class RecordingTests(GateTestCase):
    def publish_recorded(self, content: bytes, code: int = 0) -> str:
        folder = self.cluster.folder / "files"
        folder.mkdir()
        (folder / "model.bin").write_bytes(content)
        inputs, _ = write_calibration(self.cluster.folder / "calibration", b"whatever")
        program = f"PYTHONPATH={INFERENCE} {sys.executable} -B {DUMMY[0]}"
        command = f'{program} --http 127.0.0.1:0 --socket "$SHOAL_SOCKET" --model "$SHOAL_MODEL" --instance reference'
        done = self.a.run("seed", folder, "--model", MODEL, "--version", "1", "--calibration", inputs, "--record",
                          command, code=code)
        return done.err

    def test_what_a_reference_process_answers_is_what_nodes_expect(self) -> None:
        self.publish_recorded(self.GOOD)
        server = self.serve(self.a)
        self.wait_serving(server, "1")
        shown = self.a.run("show", f"{MODEL}@1", "--json").json
        files = {file["path"] for file in shown["variants"][0]["files"]}
        self.assertEqual(files, {"model.bin", "calibration/inputs.safetensors", "calibration/outputs.safetensors"})

    def test_a_reference_process_that_fails_publishes_nothing(self) -> None:
        self.assertIn("broken on purpose", self.publish_recorded(b"broken\n", code=5))
        self.assert_fails(self.a, "show", f"{MODEL}@1", code=4)


class CrashingCandidateTests(GateTestCase):
    LOAD_SECONDS_MAX = 3

    def restart_with_a_short_deadline(self) -> None:
        config = self.a.folder / "shoal.toml"
        config.write_text(f'[handoff]\nload_deadline = "{self.LOAD_SECONDS_MAX}s"\n')
        self.a.stop()
        self.a.start("--config", config)

    def check(self, content: bytes, says: str, seconds: float = 30.0, *options: object,
              program: tuple[str, ...] = DUMMY) -> None:
        self.publish_calibrated("1", self.GOOD)
        server = self.serve(self.a, program)
        self.wait_serving(server, "1")
        self.wait_status(self.a, "1")
        self.publish_calibrated("2", content, *options)
        self.wait_set_aside("2", says, seconds)
        if server.process is not None and server.process.poll() is not None:
            server = self.serve(self.a)
        self.wait_serving(server, "1")

    def test_a_candidate_that_kills_its_process_while_it_is_loaded(self) -> None:
        self.check(b"crash at load\n", "while it loaded")

    def test_a_candidate_that_hangs_while_it_is_loaded(self) -> None:
        self.restart_with_a_short_deadline()
        self.check(b"hang at load\n", "deadline", self.LOAD_SECONDS_MAX + 10.0)

    def test_a_candidate_that_kills_its_process_while_it_is_calibrated(self) -> None:
        self.check(b"crash at calibration\n", "while it calibrated")

    def test_a_candidate_that_kills_its_process_soon_after_the_switch(self) -> None:
        self.check(b"crash later\n", "soon after it switched", program=PULSING)

    def test_a_candidate_on_which_requests_hang(self) -> None:
        self.check(b"hang later\n", "requests hang", 60.0, "--gate", "watch.stall.seconds=5", program=PULSING)


if __name__ == "__main__":
    unittest.main()
