"""The load generator keeps its rate and takes no wrong answer for a right one."""

import json
import sys
import threading
import time
import unittest
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import load  # noqa: E402

REFERENCES = {
    "one": [[1.0, 0.1 * index, 0.0] for index in range(len(load.TEXTS))],
    "two": [[0.0, 1.0, 0.1 * index] for index in range(len(load.TEXTS))],
}
Answer = Callable[[int], tuple[int, object]]  # index of the text -> status, JSON


class Server:
    """An inference process that answers as a test says."""

    def __init__(self, answer: Answer) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, value = answer(load.TEXTS.index(request["text"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(value).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that gave up is part of a test
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class LoadTests(unittest.TestCase):
    def results(self, answer: Answer, seconds: float = 0.2, **more: float) -> dict:
        server = Server(answer)
        self.addCleanup(server.stop)
        generator = load.Load(load.Target(server.url, rate=100, **more), REFERENCES)
        generator.run(seconds)
        return generator.results.summary()

    def test_right_answers_of_either_version_are_counted(self) -> None:
        def answer(index: int) -> tuple[int, object]:
            version = "one" if index % 2 else "two"
            return 200, {"version": version, "embedding": REFERENCES[version][index]}

        summary = self.results(answer)
        self.assertEqual((summary["answered"], summary["failed"]), (20, 0), summary)
        self.assertEqual(summary["versions"], {"one": 10, "two": 10})

    def assert_all_fail(self, answer: Answer, reason: str) -> None:
        summary = self.results(answer)
        self.assertEqual((summary["answered"], summary["failures"]), (0, {reason: 20}))

    def test_embedding_of_another_version_fails(self) -> None:
        self.assert_all_fail(lambda index: (200, {"version": "one", "embedding": REFERENCES["two"][index]}),
                             "the embedding is not that of version one")

    def test_embedding_of_another_text_fails(self) -> None:
        self.assert_all_fail(lambda index: (200, {"version": "one", "embedding": REFERENCES["one"][index - 1]}),
                             "the embedding is not that of version one")

    def test_unknown_version_fails(self) -> None:
        self.assert_all_fail(lambda index: (200, {"version": "six", "embedding": []}), "unknown version 'six'")

    def test_error_status_fails(self) -> None:
        self.assert_all_fail(lambda index: (503, {}), "status 503")

    def test_refused_connection_fails(self) -> None:
        server = Server(lambda index: (200, {}))
        server.stop()
        generator = load.Load(load.Target(server.url, rate=100), REFERENCES)
        generator.run(0.05)
        self.assertEqual(generator.results.summary()["failed"], 5)

    def test_load_does_not_wait_for_a_stalled_server(self) -> None:
        answers_after = threading.Event()
        self.addCleanup(answers_after.set)

        def answer(index: int) -> tuple[int, object]:
            answers_after.wait(10)
            return 200, {}

        start = time.monotonic()
        summary = self.results(answer, seconds=0.3, in_flight_max=4, answer_seconds_max=0.5)
        self.assertEqual(summary["failures"], {"not started: 4 unanswered": 26, "no answer in 0.5 s": 4})
        self.assertLess(time.monotonic() - start, 5)

    def test_stop_ends_a_load_without_end(self) -> None:
        server = Server(lambda index: (200, {"version": "one", "embedding": REFERENCES["one"][index]}))
        self.addCleanup(server.stop)
        generator = load.Load(load.Target(server.url, rate=100), REFERENCES)
        thread = threading.Thread(target=generator.run)
        thread.start()
        generator.stop()
        thread.join(10)
        self.assertFalse(thread.is_alive())


if __name__ == "__main__":
    unittest.main()
