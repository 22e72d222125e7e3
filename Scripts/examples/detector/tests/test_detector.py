"""The detector as a process of its own, switched by an agent under concurrent requests."""

from __future__ import annotations

import importlib.util
import os
import signal
import tempfile
import unittest
from pathlib import Path
from typing import Any

from scene import DETECTOR, HEIGHT, MISSING, PATCHES, WIDTH

if not MISSING:
    import numpy

    import yolo
    from cases import Askers, ServerProcess, call
    from export_models import export
    from fake_agent import WAIT_SECONDS, digest, wait_until
    from scene import encoded, picture
    from shoal_runtime import read_tensors, write_tensors

N, S = "a" * 64, "b" * 64
ASKERS = 3


@unittest.skipIf(MISSING, MISSING)
class DetectorTests(unittest.TestCase):
    runtime = "onnx"
    switches = 6
    folders: "dict[str, str]"
    png: bytes

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        folders = export(Path(folder.name))
        cls.folders = {N: str(folders["n"]), S: str(folders["s"])}
        cls.png = encoded(picture(), "PNG")

    def setUp(self) -> None:
        server = ServerProcess([str(DETECTOR / "detector.py")], "--runtime", self.runtime)
        self.addCleanup(server.end)
        self.agent, self.process, self.port = server.agent, server.process, server.port

    def detect(self) -> "tuple[int, Any]":
        return call(self.port, "POST", "/detect", self.png, {"Content-Type": "image/png"})

    def test_switches_between_two_sizes_fail_no_request_and_mix_no_answer(self) -> None:
        expected = self.answers_of_each_version()
        askers = Askers(self.detect, ASKERS)
        self.addCleanup(askers.stop)
        active = S
        for _ in range(self.switches):
            other = N if active == S else S
            self.agent.switch_to(other, self.folders[other], active)
            active = other
            askers.wait_for_more(2 * ASKERS)
        askers.stop()
        self.assertEqual(askers.failures, [])
        for status, answer in askers.answers:
            self.assertEqual((status, answer), (200, expected[answer["digest"]]))
        self.assertEqual({answer["digest"] for _, answer in askers.answers}, {N, S})

    def answers_of_each_version(self) -> "dict[str, Any]":
        """Each version's answer when nothing else happens, after n and then s were activated."""
        expected = {}
        for name, before in [(N, None), (S, N)]:
            self.agent.switch_to(name, self.folders[name], before)
            status, answer = self.detect()
            self.assertEqual(status, 200)
            self.assertEqual((answer["digest"], answer["version"]), (name, name[0]))
            self.assertEqual(sorted(box["label"] for box in answer["boxes"]), sorted(label for label, _ in PATCHES))
            expected[name] = answer
        self.assertNotEqual(expected[N]["boxes"], expected[S]["boxes"])
        return expected

    def test_a_version_is_calibrated_beside_the_one_that_serves(self) -> None:
        inputs, outputs = (os.path.join(self.agent.folder.name, name) for name in ("in", "out"))
        images, placement = yolo.letterbox(picture())
        write_tensors(inputs, {"images": numpy.concatenate([images, images])})
        self.agent.switch_to(N, self.folders[N], None)
        self.assertTrue(self.agent.load(S, self.folders[S])["ok"])
        reply = self.agent.ask("calibrate", digest=S, inputs=inputs, outputs=outputs, beside=N, deadline_ms=30_000)
        self.assertEqual((reply["ok"], reply["samples"]), (True, 2))
        output = read_tensors(outputs)["output0"]
        self.assertEqual(output.shape, (2, 7, 8400))
        self.assertEqual(len(yolo.detections(output[1:], placement)), len(PATCHES))
        self.assertEqual(self.detect()[1]["digest"], N)

    def test_before_a_version_is_active_and_for_bad_pictures_requests_are_refused(self) -> None:
        self.assertEqual(self.detect()[0], 503)
        self.assertEqual(call(self.port, "GET", "/healthz")[0], 503)
        self.agent.switch_to(N, self.folders[N], None)
        status, version = call(self.port, "GET", "/version")
        self.assertGreaterEqual(version.pop("flip_ms"), 0)
        self.assertEqual((status, version), (200, {"model": "m", "version": "a", "digest": N}))
        self.assertEqual(call(self.port, "POST", "/detect", b"no picture")[0], 400)
        raw = {"Content-Type": "application/octet-stream"}
        path = f"/detect?width={WIDTH}&height={HEIGHT}"
        self.assertEqual(call(self.port, "POST", path, picture().tobytes(), raw), self.detect())

    def test_a_model_with_another_interface_is_refused_and_the_old_one_serves_on(self) -> None:
        from models import save_scale

        self.agent.switch_to(N, self.folders[N], None)
        with tempfile.TemporaryDirectory() as folder:
            save_scale(folder, 2.0)
            refusal = self.agent.load(digest("c"), folder)["error"]
        self.assertEqual(refusal["code"], "unsupported_format")
        self.assertIn("YOLOv8", refusal["message"])
        self.assertEqual(self.detect()[1]["digest"], N)

    def test_it_answers_what_is_in_flight_and_says_goodbye_when_it_is_told_to_end(self) -> None:
        self.agent.switch_to(N, self.folders[N], None)
        askers = Askers(self.detect, ASKERS)
        self.addCleanup(askers.stop)
        askers.wait_for_more(ASKERS)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(WAIT_SECONDS), 0)
        self.assertEqual(self.agent.receive_kind("goodbye"), {"type": "goodbye"})
        self.assertEqual({status for status, _ in askers.answers}, {200})
        wait_until(lambda: len(askers.failures) >= ASKERS)  # Nobody listens any more.
        for failure in askers.failures:  # Never RemoteDisconnected, the end of one that had been read.
            self.assertIn(type(failure), (ConnectionRefusedError, ConnectionResetError))


@unittest.skipUnless(importlib.util.find_spec("openvino"), "needs openvino")
class OpenVinoDetectorTests(DetectorTests):
    runtime = "openvino"
    switches = 2  # It takes a second to load.


if __name__ == "__main__":
    unittest.main()
