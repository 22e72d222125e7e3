"""What loaders do without any runtime: the common part, and plain callables."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from typing import Any, Dict, List, Tuple
from unittest import mock

from cases import INFERENCE, ClientTestCase
from fake_agent import digest
from shoal_runtime import HandoffClient, LoadError
from shoal_runtime.calibration import CalibrationError, write_tensors
from shoal_runtime.loaders import (
    ArrayLoader,
    ArrayModel,
    CallableLoader,
    MissingRuntimeError,
    OnnxLoader,
    OpenVinoLoader,
    Port,
)
from shoal_runtime.loaders.files import find_model
from shoal_runtime.priority import NICENESS, NICENESS_MAX

A, B = digest("a"), digest("b")
needs_numpy = unittest.skipUnless(importlib.util.find_spec("numpy"), "needs numpy")

if importlib.util.find_spec("numpy"):
    import numpy


class ImportTests(unittest.TestCase):
    def test_no_runtime_is_imported_before_a_loader_of_it_is_made(self) -> None:
        program = (
            "import sys, shoal_runtime.loaders; "
            "sys.exit(any(name in sys.modules for name in ('numpy', 'onnxruntime', 'openvino')))"
        )
        environment = {**os.environ, "PYTHONPATH": INFERENCE}
        done = subprocess.run([sys.executable, "-B", "-c", program], env=environment, timeout=60)
        self.assertEqual(done.returncode, 0)

    def test_a_runtime_that_is_not_installed_is_named_with_what_to_install(self) -> None:
        for module, make in [("onnxruntime", OnnxLoader), ("openvino", OpenVinoLoader)]:
            with mock.patch.dict(sys.modules, {module: None}), self.assertRaises(MissingRuntimeError) as caught:
                make()
            self.assertIn(f"cannot import {module}", str(caught.exception))
            self.assertIn(f"pip install {module}", str(caught.exception))


class FindModelTests(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def find(self, *files: str, name: str = "") -> str:
        for file in files:
            with open(os.path.join(self.folder, file), "wb"):
                pass
        return os.path.basename(find_model(self.folder, (".xml", ".onnx"), name))

    def test_the_only_file_is_found_and_one_called_model_goes_first(self) -> None:
        self.assertEqual(self.find("yolo.onnx", "names.txt"), "yolo.onnx")
        self.assertEqual(self.find("model.onnx"), "model.onnx")
        self.assertEqual(self.find("yolo.xml"), "yolo.xml")

    def test_what_cannot_be_decided_is_refused_unless_the_file_is_named(self) -> None:
        for files in [(), ("a.onnx", "b.onnx")]:
            with self.assertRaises(LoadError) as caught:
                self.find(*files)
            self.assertEqual(caught.exception.code, "unsupported_format")
        self.assertEqual(self.find(name="b.onnx"), "b.onnx")
        with self.assertRaises(LoadError):
            self.find(name="c.onnx")
        with self.assertRaises(LoadError):
            find_model(os.path.join(self.folder, "nowhere"), (".onnx",))


class StubModel(ArrayModel):
    """Adds one to each input."""

    def __init__(self, threads: int, shape: Any) -> None:
        self.file = "stub"
        self.threads = threads
        self.inputs = (Port("x", "float32", shape),)
        self.outputs = (Port("x", "float32", shape),)
        self.metadata = {}
        self.ran: List[Any] = []
        self.is_closed = False

    def run(self, inputs: Any) -> Any:
        self.ran.append(inputs["x"].shape)
        if inputs["x"].size == 0 or inputs["x"].flat[0] < 0:
            raise ValueError("not this input")
        return {name: array + 1 for name, array in inputs.items()}

    def close(self) -> None:
        self.is_closed = True


class StubLoader(ArrayLoader[StubModel]):
    suffixes = (".stub",)
    shape: Any = (1, 2)

    def open(self, file: str, threads: int) -> StubModel:
        self.opened = StubModel(threads, self.shape)
        return self.opened


@needs_numpy
class ArrayLoaderTests(unittest.TestCase):
    def make(self, shape: Any = (1, 2), **options: Any) -> Tuple[StubLoader, StubModel]:
        loader = StubLoader(**options)
        loader.shape = shape
        return loader, loader.open("stub", 1)

    def test_without_inputs_it_is_warmed_up_with_zeros_of_the_shape_it_names(self) -> None:
        for shape, ran in [((1, 3), (1, 3)), ((None, 3), (1, 3)), (None, ())]:
            loader, model = self.make(shape)
            loader.warm_up(model)
            self.assertEqual(model.ran, [ran])

    def test_inputs_that_were_given_are_run_instead(self) -> None:
        loader, model = self.make(warm_up_inputs=[{"x": numpy.zeros((5, 2))}, {"x": numpy.zeros((6, 2))}])
        loader.warm_up(model)
        self.assertEqual(model.ran, [(5, 2), (6, 2)])

    def test_a_failing_warm_up_fails_the_load_unless_its_shape_was_a_guess(self) -> None:
        for shape in [(0, 2), (0, None)]:
            loader, model = self.make(shape)
            if None in shape:
                loader.warm_up(model)
            else:
                with self.assertRaises(LoadError):
                    loader.warm_up(model)
        loader, model = self.make(warm_up_inputs=[{"x": -numpy.ones(2)}])
        with self.assertRaises(ValueError):
            loader.warm_up(model)

    def test_a_model_that_this_server_cannot_use_is_refused_and_closed(self) -> None:
        def check(model: StubModel) -> None:
            raise LoadError("not mine", code="unsupported_format")

        loader = StubLoader(check=check)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "model.stub"), "wb"):
                pass
            with self.assertRaises(LoadError):
                loader.load(folder)
        self.assertTrue(loader.opened.is_closed)

    def test_a_sample_is_run_as_a_batch_of_one_where_the_model_wants_batches(self) -> None:
        sample = {"x": numpy.array([1.0, 2.0])}
        for shape, ran in [((1, 2), (1, 2)), ((None, 2), (1, 2)), ((2,), (2,)), (None, (2,))]:
            loader, model = self.make(shape)
            numpy.testing.assert_array_equal(loader.run_sample(model, sample)["x"], [2.0, 3.0])
            self.assertEqual(model.ran, [ran])

    def test_samples_that_lack_an_input_or_have_another_are_refused(self) -> None:
        loader, model = self.make()
        for names in [(), ("y",), ("x", "y")]:
            with self.assertRaises(CalibrationError):
                loader.run_sample(model, {name: numpy.zeros(2) for name in names})
        self.assertEqual(model.ran, [])

    def test_calibrations_run_on_one_thread(self) -> None:
        loader, model = self.make(threads=1)
        with loader.calibrating(model) as quiet:
            self.assertIs(quiet, model)
        self.assertFalse(model.is_closed)
        loader, model = self.make(threads=2)
        with loader.calibrating(model) as quiet:
            self.assertIsNot(quiet, model)
            self.assertEqual((quiet.threads, quiet.is_closed), (1, False))
        self.assertEqual((quiet.is_closed, model.is_closed), (True, False))
        with self.assertRaises(ValueError):
            StubLoader(threads=0)


@needs_numpy
class CallableLoaderTests(ClientTestCase):
    quiet_load = False

    def setUp(self) -> None:
        self.did: List[str] = []
        self.niceness: List[int] = []
        super().setUp()
        self.hello = self.start()

    def make_client(self) -> "HandoffClient[Any]":
        loader: CallableLoader[Any] = CallableLoader(
            self.load_plain,
            warm_up=self.warm_up,
            release=lambda model: self.did.append(f"release {model}"),
            runtime="plain/1",
            quiet_load=self.quiet_load,
        )
        return loader.client(self.agent.path, "acme/words", instance="one")

    def load_plain(self, path: str) -> Any:
        self.did.append(f"load {path}")
        self.loaded_at = thread_niceness()
        return Twice(path, self.niceness) if path != "/dull" else "no function"

    def warm_up(self, model: Any) -> None:
        self.did.append(f"warm up {model}")
        if str(model) == "/cold":
            raise RuntimeError("too cold")

    def test_the_hello_says_who_and_that_it_calibrates(self) -> None:
        self.assertEqual((self.hello["runtime"], self.hello["instance"]), ("plain/1", "one"))
        self.assertIn("calibrate", self.hello["capabilities"])

    def test_it_loads_warms_up_answers_and_lets_go(self) -> None:
        for name, path, before in [(A, "/a", None), (B, "/b", A)]:
            self.agent.switch_to(name, path, before)
            with self.client.holder.use() as held:
                self.assertEqual(held.model({"x": 2}), {"x": 4})
        self.assertEqual(self.did, ["load /a", "warm up /a", "load /b", "warm up /b", "release /a"])

    def test_what_is_no_function_and_what_does_not_warm_up_is_not_loaded(self) -> None:
        self.assertIn("type str cannot be called", self.agent.load(A, "/dull")["error"]["message"])
        self.assertIn("too cold", self.agent.load(A, "/cold")["error"]["message"])
        self.assertEqual(self.did, ["load /dull", "load /cold", "warm up /cold", "release /cold"])

    def test_calibrations_run_with_a_lower_priority_than_requests(self) -> None:
        self.assertTrue(self.agent.load(A, "/a")["ok"])
        inputs, outputs = (os.path.join(self.agent.folder.name, name) for name in ("in", "out"))
        write_tensors(inputs, {"x": numpy.arange(3.0)})
        fields: Dict[str, Any] = {"inputs": inputs, "outputs": outputs, "beside": None, "deadline_ms": 10_000}
        self.assertEqual(self.agent.ask("calibrate", digest=A, **fields)["samples"], 3)
        self.assertEqual(set(self.niceness), {lower_niceness()})

    def test_loads_have_a_lower_priority_than_requests_only_where_the_loader_says_so(self) -> None:
        self.assertTrue(self.agent.load(A, "/a")["ok"])
        self.assertEqual(self.loaded_at, thread_niceness())
        self.client.close()
        self.quiet_load = True
        self.client = self.make_client()
        self.start()
        self.assertTrue(self.agent.load(B, "/b")["ok"])
        self.assertEqual(self.loaded_at, lower_niceness())

    def test_a_load_that_nobody_wants_any_more_is_not_warmed_up(self) -> None:
        began, may_go_on = threading.Event(), threading.Event()
        self.addCleanup(may_go_on.set)

        def slow(path: str) -> Any:
            began.set()
            may_go_on.wait(10)
            return Twice(path, [])

        self.client.close()
        with mock.patch.object(self, "load_plain", slow):
            self.client = self.make_client()
        self.start()
        number = self.agent.request("load", digest=A, version="a", path="/a")
        self.assertTrue(began.wait(10))
        self.assertTrue(self.agent.ask("release", digest=A)["ok"])
        may_go_on.set()
        self.assertEqual(self.agent.reply(number)["error"]["code"], "cancelled")
        self.assertEqual(self.did, ["release /a"])


def thread_niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def lower_niceness() -> int:
    return min(NICENESS_MAX, thread_niceness() + NICENESS)


class Twice:
    """A plain callable; ``ran_at`` are the priorities of the threads that called it."""

    def __init__(self, path: str, ran_at: List[int]) -> None:
        self.path = path
        self.ran_at = ran_at

    def __call__(self, arrays: Dict[str, Any]) -> Dict[str, Any]:
        self.ran_at.append(thread_niceness())
        return {name: 2 * array for name, array in arrays.items()}

    def __str__(self) -> str:
        return self.path


if __name__ == "__main__":
    unittest.main()
