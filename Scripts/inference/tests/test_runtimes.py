"""One suite for each runtime of arrays, where it is installed: ONNX Runtime and OpenVINO."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Tuple

from cases import INFERENCE, ClientTestCase
from fake_agent import digest
from shoal_runtime import HandoffClient, LoadError, read_tensors, write_tensors
from shoal_runtime.loaders import ArrayLoader, OnnxLoader, OpenVinoLoader

A, B = digest("a"), digest("b")


def missing(*modules: str) -> str:
    """Why a suite cannot run; empty if it can."""
    absent = [module for module in (*modules, "onnx", "numpy") if not importlib.util.find_spec(module)]
    return f"needs {', '.join(absent)}" if absent else ""


if not missing():
    import numpy

    from models import save_scale, save_slow


class RuntimeTests:
    """The suite; derive from it beside ``ClientTestCase``."""

    agent: Any
    client: Any

    def make_loader(self, **options: Any) -> "ArrayLoader[Any]":
        """The loader that is tested."""
        raise NotImplementedError

    def folder(self: Any, factor: float = 2.0, shape: Any = (1, 4)) -> str:
        """A version's folder, with a model that multiplies."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        save_scale(folder, factor, shape)
        return str(folder)

    def make_client(self) -> "HandoffClient[Any]":
        return self.make_loader().client(self.agent.path, "acme/words")

    def test_a_model_runs_and_says_what_it_is(self: Any) -> None:
        loader = self.make_loader()
        model = loader.load(self.folder(shape=(None, 4)))
        loader.warm_up(model)
        inputs = numpy.arange(8, dtype=numpy.float32).reshape(2, 4)
        numpy.testing.assert_array_equal(model.run({"x": inputs})["y"], 2 * inputs)
        (port,) = model.inputs
        self.assertEqual((port.name, port.dtype, port.shape), ("x", "float32", (None, 4)))
        self.assertEqual([port.name for port in model.outputs], ["y"])
        self.assertEqual(model.metadata["names"], "{0: 'fish'}")

    def test_many_threads_each_get_the_answer_to_their_own_question(self: Any) -> None:
        model = self.make_loader(threads=2).load(self.folder(shape=(1, 4096)))

        def ask(number: int) -> bool:
            inputs = numpy.full((1, 4096), number, numpy.float32)
            return bool((model.run({"x": inputs})["y"] == 2 * number).all())

        with ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(ask, range(400), timeout=30)))

    def test_what_cannot_be_run_is_said_and_the_model_goes_on(self: Any) -> None:
        model = self.make_loader().load(self.folder())
        good = numpy.ones((1, 4), numpy.float32)
        for inputs in [{}, {"z": good}, {"x": numpy.ones((1, 5), numpy.float32)}]:
            with self.assertRaises(Exception):  # noqa: B017  (each runtime has types of its own)
                model.run(inputs)
            self.assertEqual(model.run({"x": good})["y"][0, 0], 2)

    def test_damaged_files_and_empty_folders_are_refused(self: Any) -> None:
        loader = self.make_loader()
        folder = self.folder()
        with open(os.path.join(folder, "model.onnx"), "r+b") as file:
            file.truncate(os.path.getsize(file.name) // 2)
        with self.assertRaises(LoadError) as caught:
            loader.load(folder)
        self.assertEqual(caught.exception.code, "load_failed")
        self.assertIn("model.onnx", str(caught.exception))
        os.unlink(os.path.join(folder, "model.onnx"))
        with self.assertRaises(LoadError) as caught:
            loader.load(folder)
        self.assertEqual(caught.exception.code, "unsupported_format")

    def test_a_released_model_cannot_be_run_and_holds_no_file(self: Any) -> None:
        loader = self.make_loader()
        folder = self.folder()
        model = loader.load(folder)
        loader.warm_up(model)
        loader.release(model)
        loader.release(model)
        with self.assertRaises(RuntimeError):
            model.run({"x": numpy.ones((1, 4), numpy.float32)})
        self.assertEqual(open_below(folder), [])

    def test_a_calibration_uses_no_other_thread_whatever_requests_use(self: Any) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        save_slow(folder)
        loader = self.make_loader(threads=2)
        model = loader.load(folder)
        with loader.calibrating(model) as quiet:
            mine, others = self.ticks_of_runs(quiet)
        self.assertGreaterEqual(mine, 20)
        self.assertLessEqual(others, 2)

    def ticks_of_runs(self, model: Any) -> "Tuple[int, int]":
        """Processor time of this thread and of all others, while this one runs a model for 20 ticks of its own."""
        inputs = {"x": numpy.ones((1, 16, 256, 256), numpy.float32)}
        me, before, mine, spent = threading.get_native_id(), ticks(), 0, {}
        for _ in range(500):
            model.run(inputs)
            spent = {thread: count - before.get(thread, 0) for thread, count in ticks().items()}
            mine = spent.pop(me)
            if mine >= 20:
                break
        return mine, sum(spent.values())

    def test_an_agent_has_it_calibrated_and_switches_it(self: Any) -> None:
        self.start()
        inputs, outputs = (os.path.join(self.agent.folder.name, name) for name in ("in", "out"))
        samples = numpy.arange(12, dtype=numpy.float32).reshape(3, 4)
        write_tensors(inputs, {"x": samples})
        self.agent.switch_to(A, self.folder(2.0), None)
        self.assertTrue(self.agent.load(B, self.folder(3.0))["ok"])
        reply = self.agent.ask(
            "calibrate", digest=B, inputs=inputs, outputs=outputs, beside=A, deadline_ms=20_000
        )
        self.assertEqual((reply["ok"], reply["samples"]), (True, 3))
        numpy.testing.assert_array_equal(read_tensors(outputs)["y"], 3 * samples)
        self.agent.ask("activate", digest=B, version="b", expect_active=A)
        with self.client.holder.use() as held:
            self.assertEqual(held.model.run({"x": samples[:1]})["y"][0, 1], 3)


@unittest.skipIf(missing("onnxruntime"), missing("onnxruntime"))
class OnnxTests(RuntimeTests, ClientTestCase):
    def make_loader(self, **options: Any) -> "ArrayLoader[Any]":
        return OnnxLoader(**options)


@unittest.skipIf(missing("openvino"), missing("openvino"))
class OpenVinoTests(RuntimeTests, ClientTestCase):
    def make_loader(self, **options: Any) -> "ArrayLoader[Any]":
        return OpenVinoLoader(**options)

    def test_its_telemetry_is_not_imported_with_it(self) -> None:
        program = (
            "from shoal_runtime.loaders import OpenVinoLoader; OpenVinoLoader(); print('loaded'); "
            "import openvino_telemetry"
        )
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "openvino_telemetry.py"), "w", encoding="utf-8") as file:
                file.write("print('told')\n")  # in place of the real one, if that is there
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([INFERENCE, folder])}
            command = [sys.executable, "-B", "-c", program]
            told = subprocess.run(command, env=environment, timeout=60, check=True, capture_output=True, text=True)
        self.assertEqual(told.stdout.split(), ["loaded", "told"])

    def test_its_own_format_is_loaded_and_mapped_until_the_release(self) -> None:
        import openvino

        folder = self.folder()
        convolution = openvino.Core().read_model(save_slow(folder))
        openvino.save_model(convolution, os.path.join(folder, "model.xml"), compress_to_fp16=False)
        loader = OpenVinoLoader()
        model = loader.load(folder)
        self.assertEqual(os.path.basename(model.file), "model.xml")
        loader.warm_up(model)
        loader.release(model)
        self.assertEqual(open_below(folder), [])


def open_below(folder: str) -> List[str]:
    """Files below a folder that this process maps or has open."""
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    files = [os.readlink(link) for link in links if os.path.islink(link)]
    with open("/proc/self/maps", encoding="utf-8") as maps:
        files += [line.split(None, 5)[-1].strip() for line in maps]
    return [file for file in files if file.startswith(folder)]


def ticks() -> Dict[int, int]:
    """Processor time of each thread of this process, in clock ticks (10 ms)."""
    spent = {}
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        spent[int(thread)] = int(fields[11]) + int(fields[12])
    return spent


if __name__ == "__main__":
    unittest.main()
