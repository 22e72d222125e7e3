from __future__ import annotations

import importlib.util
import json
import os
import struct
import tempfile
import threading
import time
import unittest
from contextlib import contextmanager
from typing import Any, Dict, Iterator

from cases import ClientTestCase
from fake_agent import digest, wait_until
from shoal_runtime import HandoffClient
from shoal_runtime.calibration import CalibrationError, read_tensors, samples_of, write_tensors

A, B = digest("a"), digest("b")

if importlib.util.find_spec("numpy"):
    import numpy


@unittest.skipUnless(importlib.util.find_spec("numpy"), "needs numpy")
class FileTests(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "file")

    def test_arrays_come_back_as_they_were(self) -> None:
        tensors = {
            name: numpy.arange(6).reshape(2, 3).astype(name)
            for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
        }
        write_tensors(self.path, tensors)
        read = read_tensors(self.path)
        self.assertEqual(set(read), set(tensors))
        for name, tensor in tensors.items():
            self.assertEqual(read[name].dtype, tensor.dtype)
            numpy.testing.assert_array_equal(read[name], tensor)

    def test_a_file_that_is_there_is_not_written_over(self) -> None:
        write_tensors(self.path, {"x": numpy.zeros(1)})
        with self.assertRaises(FileExistsError):
            write_tensors(self.path, {"x": numpy.zeros(1)})

    def test_what_is_no_safetensors_file_is_refused(self) -> None:
        entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        for content in (
            b"", b"\xff" * 8, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 1 << 40) + b"{}",
            self.encoded({"x": {**entry, "dtype": "C64"}}), self.encoded({"x": {**entry, "shape": [3]}}),
            self.encoded({"x": {"dtype": "F32"}}), self.encoded({"x": 7}),
        ):
            with open(self.path, "wb") as file:
                file.write(content)
            with self.assertRaises(CalibrationError, msg=content):
                read_tensors(self.path)

    def encoded(self, header: Dict[str, Any]) -> bytes:
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + bytes(8)

    def test_samples_share_the_first_dimension(self) -> None:
        samples = samples_of({"x": numpy.arange(6).reshape(3, 2), "y": numpy.arange(3)})
        self.assertEqual([(list(sample["x"]), int(sample["y"])) for sample in samples],
                         [([0, 1], 0), ([2, 3], 1), ([4, 5], 2)])
        for tensors in ({"x": numpy.zeros(2), "y": numpy.zeros(3)}, {"x": numpy.float32(1)}, {}):
            with self.assertRaises(CalibrationError):
                samples_of({name: numpy.asarray(tensor) for name, tensor in tensors.items()})


class Model:
    def __init__(self, path: str) -> None:
        self.path = path


@unittest.skipUnless(importlib.util.find_spec("numpy"), "needs numpy")
class ClientTests(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.inputs = os.path.join(self.agent.folder.name, "in")
        self.outputs = os.path.join(self.agent.folder.name, "out")
        write_tensors(self.inputs, {"x": numpy.arange(8.0).reshape(4, 2)})
        self.ran: "list[str]" = []
        self.quiet: "list[str]" = []
        self.quiet_while_running: "list[list[str]]" = []
        self.may_run = threading.Event()
        self.may_run.set()
        self.run_seconds = 0.0
        self.hello = self.start()

    def make_client(self) -> "HandoffClient[Any]":
        return HandoffClient(
            self.agent.path, "acme/words", lambda request: Model(request.path), runner=self.run_sample,
            calibrating=self.calibrating,
        )

    @contextmanager
    def calibrating(self, model: Model) -> Iterator[Model]:
        self.quiet.append(model.path)
        yield model
        self.quiet.remove(model.path)

    def run_sample(self, model: Model, sample: "Dict[str, Any]") -> "Dict[str, Any]":
        self.may_run.wait(10)
        time.sleep(self.run_seconds)
        self.ran.append(model.path)
        self.quiet_while_running.append(list(self.quiet))
        if model.path == "/raises":
            raise ValueError("not this input")
        return {"y": sample["x"] * 2}

    def calibrate(self, **fields: Any) -> int:
        values = {"inputs": self.inputs, "outputs": self.outputs, "beside": None, "deadline_ms": 5_000, **fields}
        return self.agent.request("calibrate", **values)

    def load(self, which: str, path: str) -> None:
        self.assertTrue(self.agent.ask("load", digest=which, path=path, version="v", deadline_ms=5_000)["ok"])

    def test_the_hello_says_that_it_calibrates(self) -> None:
        self.assertIn("calibrate", self.hello["capabilities"])

    def test_all_samples_are_run_and_the_outputs_written(self) -> None:
        self.load(A, "/good")
        reply = self.agent.reply(self.calibrate(digest=A))
        self.assertEqual((reply["ok"], reply["samples"], reply["beside_latency_ms"]), (True, 4, None))
        self.assertGreaterEqual(reply["latency_ms"]["p99"], reply["latency_ms"]["p50"])
        numpy.testing.assert_array_equal(read_tensors(self.outputs)["y"], 2 * numpy.arange(8.0).reshape(4, 2))

    def test_beside_the_active_version_both_are_run_in_turn(self) -> None:
        self.agent.switch(A, None)
        self.load(B, "/new")
        self.ran.clear()
        reply = self.agent.reply(self.calibrate(digest=B, beside=A))
        self.assertTrue(reply["ok"])
        self.assertIn("p99", reply["beside_latency_ms"])
        self.assertEqual(self.ran[:2], ["/new", "/good"])

    def test_both_models_are_those_for_calibrations_as_long_as_one_lasts(self) -> None:
        self.agent.switch(A, None)
        self.load(B, "/new")
        self.assertTrue(self.agent.reply(self.calibrate(digest=B, beside=A))["ok"])
        self.assertEqual(self.quiet_while_running, 24 * [["/new", "/good"]])
        self.assertEqual(self.quiet, [])

    def test_what_cannot_be_run_is_said(self) -> None:
        self.assertEqual(self.code(self.calibrate(digest=A)), "not_resident")
        self.load(A, "/raises")
        self.assertEqual(self.code(self.calibrate(digest=A)), "calibration_failed")
        self.load(B, "/good")
        self.assertEqual(self.code(self.calibrate(digest=B, inputs="/nowhere")), "calibration_failed")
        self.assertEqual(self.code(self.calibrate(digest=B, deadline_ms=0)), "bad_message")

    def test_a_release_calls_it_off(self) -> None:
        self.load(A, "/good")
        self.may_run.clear()
        number = self.calibrate(digest=A)
        self.assertEqual(self.code(self.calibrate(digest=A)), "busy")
        self.assertTrue(self.agent.ask("release", digest=A)["ok"])
        self.may_run.set()
        self.assertEqual(self.code(number), "cancelled")
        wait_until(lambda: self.client.holder.status()["resident"] == [])

    def test_it_gives_up_at_the_deadline(self) -> None:
        self.load(A, "/good")
        self.run_seconds = 0.005
        self.assertEqual(self.code(self.calibrate(digest=A, deadline_ms=1)), "deadline_exceeded")

    def test_goodbye_is_the_last_word(self) -> None:
        self.client.close()
        self.assertEqual(self.agent.receive_other()["type"], "goodbye")

    def code(self, number: int) -> str:
        reply = self.agent.receive_other()
        while reply["type"] != "reply":
            reply = self.agent.receive_other()
        self.assertEqual(reply["re"], number)
        self.assertFalse(reply["ok"])
        return str(reply["error"]["code"])


if __name__ == "__main__":
    unittest.main()
