from __future__ import annotations

import threading
import time
import unittest
from typing import List
from unittest import mock

from fake_agent import FakeModel, digest, unload
from shoal_runtime import ConflictError, HandoffError, ModelHolder, NoModelError, NotResidentError

A, B = digest("a"), digest("b")


class ModelHolderTests(unittest.TestCase):
    def setUp(self) -> None:
        self.said: List[str] = []
        self.holder: ModelHolder[FakeModel] = ModelHolder(
            on_drained=lambda d: self.said.append("drained " + d[0]),
            on_released=lambda d: self.said.append("released " + d[0]),
            unload=unload,
        )

    def activate(self, name: str, expecting: "str | None") -> None:
        self.holder.put(name, name[0], FakeModel("/" + name[0]))
        self.holder.activate(name, expecting)
        if expecting:
            self.holder.settle(expecting)

    def test_nothing_active_is_said_so(self) -> None:
        with self.assertRaises(NoModelError):
            with self.holder.use():
                self.fail("there is nothing to use")

    def test_the_end_of_the_last_request_can_be_waited_for(self) -> None:
        self.assertTrue(self.holder.wait_idle(0))
        self.activate(A, None)
        began, may_end = threading.Event(), threading.Event()

        def request() -> None:
            with self.holder.use():
                began.set()
                may_end.wait(10)

        thread = threading.Thread(target=request)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(may_end.set)
        self.assertTrue(began.wait(10))
        self.assertFalse(self.holder.wait_idle(0.001))
        may_end.set()
        started = time.monotonic()
        self.assertTrue(self.holder.wait_idle(10))
        self.assertLess(time.monotonic() - started, 5)  # It was told, it did not find out in the end.

    def test_a_request_keeps_its_version_over_a_switch_and_drained_comes_with_the_last_user(self) -> None:
        self.activate(A, None)
        first, second = self.holder.use(), self.holder.use()
        held = first.__enter__()
        second.__enter__()
        self.activate(B, A)
        with self.holder.use() as now:
            self.assertEqual(now.digest, B)
        self.assertEqual(held.model.path, "/a")
        first.__exit__(None, None, None)
        self.assertEqual(self.said, [])
        second.__exit__(None, None, None)
        self.assertEqual(self.said, ["drained a"])

    def test_a_release_waits_for_the_last_user(self) -> None:
        self.activate(A, None)
        with self.holder.use() as held:
            self.activate(B, A)
            self.assertTrue(self.holder.release(A))
            self.holder.settle(A)
            model = held.model
            self.assertFalse(model.is_unloaded)
            self.assertEqual(self.said, [])
        self.assertTrue(model.is_unloaded)
        self.assertEqual(self.said, ["drained a", "released a"])
        self.assertEqual(self.holder.status()["resident"], [B])

    def test_a_version_without_users_drains_at_the_switch(self) -> None:
        self.activate(A, None)
        self.activate(B, A)
        self.assertEqual(self.said, ["drained a"])

    def test_a_version_that_is_active_again_is_not_released(self) -> None:
        self.activate(A, None)
        with self.holder.use():
            self.activate(B, A)
            self.holder.release(A)
            self.holder.activate(A, B)
        self.assertEqual(self.holder.status()["active"], A)
        self.assertNotIn("released a", self.said)
        with self.holder.use() as held:
            self.assertEqual(held.model.path, "/a")

    def test_activate_is_compare_and_swap(self) -> None:
        self.activate(A, None)
        self.holder.put(B, "b", FakeModel("/b"))
        for expected in (None, B, digest("c")):
            with self.assertRaises(ConflictError) as caught:
                self.holder.activate(B, expected)
            self.assertEqual(caught.exception.active, A)
        self.assertEqual(self.holder.status()["active"], A)
        self.assertEqual(self.holder.activate(A, digest("c")), A)
        with self.assertRaises(NotResidentError):
            self.holder.activate(digest("d"), A)

    def test_the_active_version_is_not_released(self) -> None:
        self.activate(A, None)
        with self.assertRaises(ConflictError):
            self.holder.release(A)
        self.assertFalse(self.holder.release(B))

    def test_the_number_of_versions_is_bounded(self) -> None:
        for number in range(ModelHolder.RESIDENT_MAX):
            self.holder.put(f"{number:064x}", "v", FakeModel("/"))
        with self.assertRaises(HandoffError):
            self.holder.put(A, "a", FakeModel("/"))

    def test_failures_are_counted_and_passed_on(self) -> None:
        self.activate(A, None)
        with self.assertRaises(ZeroDivisionError):
            with self.holder.use():
                raise ZeroDivisionError
        status = self.holder.status()
        self.assertEqual((status["requests"], status["errors"], status["in_flight"]), (1, 1, 0))

    def test_what_requests_took_adds_up_once_they_have_ended(self) -> None:
        self.activate(A, None)
        self.assertEqual(self.holder.status()["busy_ms"], 0)
        times = iter([1.0, 1.5, 2.0, 2.25])
        with mock.patch("shoal_runtime.holder.time.monotonic", lambda: next(times)):
            first, second = self.holder.use(), self.holder.use()
            for request in (first, second):
                request.__enter__()
            first.__exit__(None, None, None)
            self.assertEqual(self.holder.status()["busy_ms"], 1_000)
            second.__exit__(None, None, None)
        self.assertEqual(self.holder.status()["busy_ms"], 1_750)

    def test_readers_never_see_a_version_that_is_gone(self) -> None:
        self.activate(A, None)
        stop = threading.Event()
        wrong: List[str] = []

        def read() -> None:
            while not stop.is_set():
                with self.holder.use() as held:
                    if held.model is None or held.model.is_unloaded or held.model.path[1] != held.digest[0]:
                        wrong.append(held.digest)

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        active = A
        for _ in range(300):
            other = B if active == A else A
            if not self.holder.keep(other):
                self.holder.put(other, other[0], FakeModel("/" + other[0]))
            self.holder.activate(other, active)
            self.holder.settle(active)
            self.holder.release(active)
            self.holder.settle(active)
            active = other
        stop.set()
        for reader in readers:
            reader.join()
        self.assertEqual(wrong, [])
        self.assertGreater(self.holder.status()["requests"], 0)
        self.assertEqual(self.holder.status()["active"], active)


if __name__ == "__main__":
    unittest.main()
