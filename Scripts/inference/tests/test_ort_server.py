"""The HTTP server: always with a stand-in for the model, and with ONNX Runtime and the demo's where they are there."""

from __future__ import annotations

import http.client
import importlib.util
import json
import math
import os
import signal
import socket
import threading
import time
import unittest
from typing import Any, Dict, List, Optional

from cases import Askers, ClientTestCase, ServerProcess, call
from fake_agent import digest
from shoal_runtime.http_front import BODY_BYTES_MAX, HTTPFront, parse_address
from shoal_runtime.ort_server import Server, main

A, B = digest("a"), digest("b")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
MODELS = os.environ.get("SHOAL_MINILM", os.path.join(ROOT, ".build-models", "minilm"))


class Words:
    """A model that needs no runtime."""

    def __init__(self, number: float) -> None:
        self.number = number

    def embed(self, text: str) -> List[float]:
        """As many numbers as characters."""
        return [self.number] * len(text)


class ServerTests(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.front = HTTPFront(("127.0.0.1", 0), Server(self.client, 2).routes())
        self.port = int(self.front.server_address[1])
        threading.Thread(target=self.front.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.addCleanup(self.front.server_close)
        self.addCleanup(self.front.shutdown)

    def serve(self, name: str, number: float) -> None:
        active = self.client.holder.status()["active"]
        self.client.holder.put(name, name[0], Words(number))
        self.client.holder.activate(name, active)

    def test_without_a_version_it_is_not_ready(self) -> None:
        self.assertEqual(call(self.port, "POST", "/embed", {"text": "x"})[0], 503)
        for path in ("/version", "/healthz"):
            self.assertEqual(call(self.port, "GET", path)[0], 503)

    def test_an_answer_names_the_version_that_gave_it(self) -> None:
        for name, number in [(A, 1.0), (B, 2.0)]:
            self.serve(name, number)
            answer = {"version": name[0], "digest": name, "embedding": [number, number]}
            self.assertEqual(call(self.port, "POST", "/embed", {"text": "hi"}), (200, answer))
            self.assertEqual(call(self.port, "GET", "/version")[1]["digest"], name)
        status, health = call(self.port, "GET", "/healthz")
        self.assertEqual((status, health["requests"], health["agent_connected"]), (200, 2, False))

    def test_bad_requests_are_refused_by_name(self) -> None:
        self.serve(A, 1.0)
        bodies: List[Any] = [[], "text", {}, {"text": 5}, {"text": "x" * 70_000}]
        for body in bodies:
            self.assertEqual(call(self.port, "POST", "/embed", body)[0], 400)
        self.assertEqual(call(self.port, "GET", "/embed")[0], 404)
        self.assertEqual(call(self.port, "POST", "/nothing", {})[0], 404)
        length = {"Content-Length": str(BODY_BYTES_MAX + 1)}
        self.assertEqual(call(self.port, "POST", "/embed", headers=length)[0], 413)
        self.assertEqual(call(self.port, "POST", "/embed", headers={"Content-Length": "-1"})[0], 411)

    def test_a_connection_serves_many_requests_and_garbage_harms_nobody(self) -> None:
        self.serve(A, 1.0)
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as garbage:
            garbage.sendall(b"\x00\xff nonsense\r\n\r\n")
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            for _ in range(20):
                connection.request("POST", "/embed", json.dumps({"text": "hi"}))
                self.assertEqual(connection.getresponse().read()[:1], b"{")
            connection.close()

    def test_addresses(self) -> None:
        self.assertEqual(parse_address("127.0.0.1:80"), ("127.0.0.1", 80))
        self.assertEqual(parse_address("[::1]:80"), ("::1", 80))
        for text in ("", "80", ":80", "host:", "host:99999", "host:x"):
            with self.assertRaises(ValueError):
                parse_address(text)

    def test_an_address_in_use_is_said_and_ends_with_1(self) -> None:
        self.assertEqual(main(["--socket", "/x", "--model", "m", "--http", f"127.0.0.1:{self.port}"]), 1)


def has_runtime() -> bool:
    """Whether the real thing can be tried here."""
    return importlib.util.find_spec("onnxruntime") is not None and os.path.isdir(MODELS)


@unittest.skipUnless(has_runtime(), "needs onnxruntime and the demo's model (Scripts/models/minilm)")
class OnnxTests(unittest.TestCase):
    """A process of its own, switched between fp32 and int8 under load."""

    def setUp(self) -> None:
        server = ServerProcess(["-m", "shoal_runtime.ort_server"])
        self.addCleanup(server.end)
        self.agent, self.process, self.port = server.agent, server.process, server.port

    def test_switches_under_load_answer_every_request_rightly(self) -> None:
        folders = {A: os.path.join(MODELS, "fp32"), B: os.path.join(MODELS, "int8")}
        reference: Dict[str, List[float]] = {}
        active: Optional[str] = None
        for name, folder in folders.items():
            self.assertTrue(self.agent.switch_to(name, folder, active)["ok"])
            reference[name] = call(self.port, "POST", "/embed", {"text": "a shoal of fish"})[1]["embedding"]
            active = name
        norm = math.sqrt(sum(number * number for number in reference[A]))
        self.assertAlmostEqual(norm, 1, places=4)
        cosine = sum(one * two for one, two in zip(reference[A], reference[B]))
        self.assertGreater(cosine, 0.9)
        self.assertLess(cosine, 0.99999)
        askers = Askers(lambda: call(self.port, "POST", "/embed", {"text": "a shoal of fish"}), 2)
        self.addCleanup(askers.stop)
        for _ in range(6):
            other = A if active == B else B
            self.assertTrue(self.agent.switch_to(other, folders[other], active)["ok"])
            askers.wait_for_more(2)
            active = other
        askers.stop()
        self.assertEqual(askers.failures, [])
        for status, answer in askers.answers:
            self.assertEqual(status, 200)
            for got, wanted in zip(answer["embedding"], reference[answer["digest"]]):
                self.assertAlmostEqual(got, wanted, places=4)
        self.assertEqual({answer["digest"] for _, answer in askers.answers}, {A, B})

    def test_a_damaged_model_is_refused_and_the_process_ends_cleanly(self) -> None:
        folder = os.path.join(self.agent.folder.name, "broken")
        os.mkdir(folder)
        self.assertEqual(self.agent.load(A, folder)["error"]["code"], "unsupported_format")
        with open(os.path.join(MODELS, "int8", "model.onnx"), "rb") as file:
            head = file.read(1_000_000)
        for name, content in [("model.onnx", head), ("vocab.txt", b"[UNK]\n[CLS]\n[SEP]\n")]:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        self.assertEqual(self.agent.load(A, folder)["error"]["code"], "load_failed")
        self.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        self.assertEqual(self.process.wait(timeout=10), 0)
        self.assertLess(time.monotonic() - started, 5)


if __name__ == "__main__":
    unittest.main()
