"""Runs every test of Shoal, step by step, and ends with one line: how many passed and failed.

The steps: Scripts/check, a debug build, `swift test`, the Python tests of Scripts, and the integration tests, which run
real agents on loopback and in network namespaces. A step that fails does not keep the later ones from running, unless
they need what it makes. An environment variable SHOAL names the binary for the integration tests; by default it is the
one that was just built.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV_PYTHON = ROOT / ".build-python" / "bin" / "python"

CHECK_SECONDS_MAX = 5 * 60
BUILD_SECONDS_MAX = 40 * 60
TEST_SECONDS_MAX = 20 * 60
INTEGRATION_SECONDS_MAX = 40 * 60


@dataclass(frozen=True)
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


# How the tests of a step are counted: from its output and whether it exited with 0.
Counting = Callable[[str, bool], Count]


@dataclass(frozen=True)
class Step:
    name: str
    command: list[str | Path]
    count: Counting
    seconds_max: int
    environment: dict[str, str]


def as_one(output: str, succeeded: bool) -> Count:
    """A step that is one test by itself."""
    return Count(passed=1) if succeeded else Count(failed=1)


def of_swift_testing(output: str, succeeded: bool) -> Count:
    """Counts what `swift test` reports; a crash, which ends it without a report, is one failure."""
    report = re.search(r"Test run with (\d+) tests?.* (?:passed|failed) after", output)
    run = int(report[1]) if report else 0
    failed = len(re.findall(r"^\W*Test (?!run with ).+ failed after ", output, re.MULTILINE))
    skipped = len(re.findall(r"^\W*Test (?!run with ).+ skipped", output, re.MULTILINE))
    return at_least_one_failed(Count(run - failed - skipped, failed, skipped) if report else Count(), succeeded)


def of_unittest(output: str, succeeded: bool) -> Count:
    """Counts what unittest reports."""
    report = re.findall(r"^Ran (\d+) tests? in", output, re.MULTILINE)
    run = int(report[-1]) if report else 0
    closing = (re.findall(r"^(?:OK|FAILED)\b.*$", output, re.MULTILINE) or [""])[-1]
    numbers = {name: int(number) for name, number in re.findall(r"([a-z]+(?: [a-z]+)*)=(\d+)", closing)}
    failed = sum(numbers.get(name, 0) for name in ("failures", "errors", "unexpected successes"))
    skipped = numbers.get("skipped", 0)
    return at_least_one_failed(Count(max(0, run - failed - skipped), failed, skipped), succeeded)


def at_least_one_failed(count: Count, succeeded: bool) -> Count:
    return count if succeeded or count.failed else count + Count(failed=1)


def run(step: Step) -> Count:
    """Runs a step, shows its output as it comes, and ends it with all that it started when its time is over."""
    print(f"\n== {step.name}", flush=True)
    start = time.monotonic()
    process = subprocess.Popen(
        step.command, cwd=ROOT, env={**os.environ, **step.environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )
    try:
        output = relay(process, start + step.seconds_max)
    finally:
        end(process)
    succeeded = process.returncode == 0
    count = step.count(output, succeeded)
    print(f"== {step.name}: {count} ({time.monotonic() - start:.0f} s)", flush=True)
    return count


def relay(process: subprocess.Popen[bytes], deadline: float) -> str:
    """Copies a process's output to ours until it ends, and returns it."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    pieces: list[bytes] = []
    while True:
        ended = process.poll() is not None
        piece = process.stdout.read()
        if piece:
            pieces.append(piece)
            print(piece.decode(errors="replace"), end="", flush=True)
        elif ended:
            return b"".join(pieces).decode(errors="replace")
        elif time.monotonic() > deadline:
            print("test: this step's time is over, so it is ended", flush=True)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            time.sleep(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of a step's process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def swift_test(target: str) -> Step:
    """One target at a time: all tests of a process share one event loop, and some measure what it does in a second."""
    command: list[str | Path] = ["swift", "test", "--skip-build", "--disable-xctest", "--filter", f"^{target}\\."]
    return Step(target, command, of_swift_testing, TEST_SECONDS_MAX, {})


def swift_steps() -> list[Step]:
    build: list[str | Path] = ["swift", "build", "--build-tests"]
    return [
        Step("swift build", build, as_one, BUILD_SECONDS_MAX, {}),
        *(swift_test(folder.name) for folder in sorted((ROOT / "Tests").iterdir()) if folder.is_dir()),
    ]


def python_step(folder: str, seconds_max: int) -> Step | None:
    """The unittest tests of a folder, if it has any."""
    if not list((ROOT / folder).glob("test*.py")):
        return None
    python = VENV_PYTHON if VENV_PYTHON.exists() else Path(sys.executable)
    command = [python, "-B", "-m", "unittest", "discover", "--verbose", "--start-directory", folder]
    environment = {
        "SHOAL": os.environ.get("SHOAL", str(ROOT / ".build" / "debug" / "shoal")),
        "PYTHONPATH": str((ROOT / folder).parent),  # the package that a folder's tests are of stands beside them
    }
    return Step(folder, command, of_unittest, seconds_max, environment)


def steps(options: argparse.Namespace) -> list[Step]:
    chosen = [Step("Scripts/check", [sys.executable, "Scripts/check"], as_one, CHECK_SECONDS_MAX, {})]
    if not options.no_swift:
        chosen += swift_steps()
    folders = [
        "Scripts/tests", "Scripts/inference/tests", "Scripts/examples/detector/tests", "Scripts/interop/tests",
        "Scripts/demo.d/tests",
    ]
    python = [python_step(folder, TEST_SECONDS_MAX) for folder in folders]
    if not options.quick:
        python.append(python_step("Scripts/tests/integration", INTEGRATION_SECONDS_MAX))
    return chosen + [step for step in python if step is not None]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Scripts/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="leave the integration tests out")
    parser.add_argument("--no-swift", action="store_true", help="leave the Swift build and its tests out")
    parser.add_argument("--no-install", action="store_true", help="install nothing first")
    return parser.parse_args()


def main() -> int:
    total = Count()
    failed_steps = []
    for step in steps(arguments()):
        count = run(step)
        total += count
        if count.failed:
            failed_steps.append(step.name)
            if step.name == "swift build":
                print("test: what does not build cannot be tested; stopping here", flush=True)
                break
    if failed_steps:
        print(f"\nFailed: {', '.join(failed_steps)}")
    print(f"\n{total}")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
