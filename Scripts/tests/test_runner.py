"""Scripts/test counts what the test runners report, and never takes a crash for a success."""

import contextlib
import importlib.util
import io
import sys
import time
import unittest
from pathlib import Path

RUN = Path(__file__).resolve().parents[1] / "test.d" / "run.py"
spec = importlib.util.spec_from_file_location("test_d_run", RUN)
assert spec is not None and spec.loader is not None
runner = importlib.util.module_from_spec(spec)
sys.modules["test_d_run"] = runner
spec.loader.exec_module(runner)


class CountingTests(unittest.TestCase):
    def test_swift_tests_are_counted(self) -> None:
        output = (
            '✔ Test "a" passed after 0.001 seconds.\n✘ Test b() failed after 0.002 seconds with 1 issue.\n'
            "➜ Test c() skipped.\n✘ Test run with 12 tests in 3 suites failed after 0.003 seconds with 1 issue.\n"
        )
        self.assertEqual(runner.of_swift_testing(output, False), runner.Count(10, 1, 1))

    def test_crash_of_swift_tests_is_a_failure(self) -> None:
        self.assertEqual(runner.of_swift_testing("error: Exited with signal 6\n", False), runner.Count(0, 1, 0))

    def test_unit_tests_are_counted(self) -> None:
        output = "Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=3)\n"
        self.assertEqual(runner.of_unittest(output, False), runner.Count(3, 3, 3))
        self.assertEqual(runner.of_unittest("Ran 1 test in 0.1s\n\nOK\n", True), runner.Count(1, 0, 0))

    def test_failed_exit_without_a_counted_failure_is_a_failure(self) -> None:
        self.assertEqual(runner.of_unittest("Ran 2 tests in 0.1s\n\nOK\n", False), runner.Count(2, 1, 0))


class StepTests(unittest.TestCase):
    def step(self, code: str, seconds_max: int) -> "runner.Step":
        return runner.Step("step", [sys.executable, "-c", code], runner.as_one, seconds_max, {})

    def run_quietly(self, code: str, seconds_max: int) -> "runner.Count":
        with contextlib.redirect_stdout(io.StringIO()):
            return runner.run(self.step(code, seconds_max))

    def test_step_passes_with_exit_code_zero_and_fails_with_any_other(self) -> None:
        self.assertEqual(self.run_quietly("print('out')", 60), runner.Count(1, 0, 0))
        self.assertEqual(self.run_quietly("raise SystemExit(3)", 60), runner.Count(0, 1, 0))

    def test_step_that_hangs_is_ended_and_fails(self) -> None:
        start = time.monotonic()
        self.assertEqual(self.run_quietly("import time; time.sleep(60)", 0), runner.Count(0, 1, 0))
        self.assertLess(time.monotonic() - start, 30)


if __name__ == "__main__":
    unittest.main()
