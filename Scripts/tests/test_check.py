"""A planted breach of each rule makes Scripts/check red; the tree without it is green."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Scripts" / "check.d"))

from tidy import RULES  # noqa: E402
from tidy.swift_source import SwiftSource  # noqa: E402
from tidy.tree import Finding, Tree  # noqa: E402

CLEAN = {
    "Sources/Units/Size.swift": """\
        import Collections

        /// A size. Says "try! it", as! and fatalError in a comment, and TODO(#7): grow.
        public struct Size: Equatable {
            let text = "a! /* TODO */ \\(1 != 2 ? "b!" : "c") print( \\u{21}"
            let raw = #"as! \\(x!) ""#

            func roll(_ generator: inout some RandomNumberGenerator) -> Bool {
                !Bool.random(using: &generator) && Int.random(in: 0...(1 + 1), using: &generator) != 3
            }
        }
        """,
    "Sources/Store/Store.swift": """\
        internal import FoundationEssentials
        public import Units

        final class Held: @unchecked Sendable {}
        """,
    "Tests/StoreTests/HeldTests.swift": """\
        import Foundation
        import Testing
        import Units

        @testable import Store
        """,
    "Scripts/unchecked-sendable.txt": "# a comment\nSources/Store/Store.swift Held it never changes\n",
    "Scripts/hello": "#!/usr/bin/env bash\necho hello # TODO(#9): more\n",
    "Scripts/hello.py": "print('TODO')  # TODO(#10): more\n",
    "README.md": "[a](Scripts/hello#x) [b](https://example.org) [c](#d) `[e](f)`\n```\n[g](h)\n```\n[i]: Scripts\n",
}


def dedented(text: str) -> str:
    return "\n".join(line.removeprefix("        ") for line in text.split("\n"))


class PlantedTree:
    """A small clean tree in a temporary folder, into which a test plants its breach."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="check-"))
        shutil.copy(REPOSITORY / ".swift-format", self.root)
        for path, text in CLEAN.items():
            self.write(path, dedented(text))

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.root / path).read_text(encoding="utf-8") + text)

    def findings(self, rule: str) -> list[Finding]:
        return list(RULES[rule](Tree(self.root)))


class RuleTests(unittest.TestCase):
    def setUp(self) -> None:
        self.tree = PlantedTree()
        self.addCleanup(shutil.rmtree, self.tree.root)

    def assert_red(self, rule: str, path: str, text: str, count: int = 1) -> None:
        """Appends text to a file and expects findings of this rule there, which were not there before."""
        self.assertEqual(self.tree.findings(rule), [])
        if not (self.tree.root / path).exists():
            self.tree.write(path, "")
        self.tree.append(path, text)
        found = self.tree.findings(rule)
        self.assertEqual([(f.path, f.rule) for f in found], [(path, rule)] * count, found)

    def test_import_of_a_floor_above_is_an_edge(self) -> None:
        self.assert_red("import-edge", "Sources/Store/Store.swift", "public import Agent\n")

    def test_import_of_a_floor_below_that_the_row_does_not_name_is_an_edge(self) -> None:
        text = "@preconcurrency internal import struct Wire.Hello\n"
        self.assert_red("import-edge", "Sources/Store/Store.swift", text)

    def test_unknown_target_is_an_edge(self) -> None:
        self.assert_red("import-edge", "Sources/Mystery/A.swift", "let a = 1\n")

    def test_import_in_tests_beyond_the_row_is_an_edge(self) -> None:
        self.assert_red("import-edge", "Tests/StoreTests/HeldTests.swift", "@testable import Swarm\n")

    def test_import_of_foundation_is_found_on_every_floor(self) -> None:
        self.assert_red("import-foundation", "Sources/Store/Store.swift", "internal import Foundation\n")

    def test_impure_imports_are_found_on_pure_floors(self) -> None:
        modules = ["FoundationEssentials", "Dispatch", "Glibc", "Darwin", "Musl", "Logging"]
        text = "".join(f"import {module}\n" for module in modules)
        self.assert_red("pure-import", "Sources/Units/Size.swift", text, count=len(modules))

    def test_each_impure_call_is_found_on_pure_floors(self) -> None:
        calls = [
            "func f() async {}", "let a = await b", "Task { }", "let c = ContinuousClock()", "_ = SuspendingClock.now",
            "let e = Int.random(in: 0..<(1 + 2))", "let g = list.randomElement()", "list.shuffle()",
            "let h = list.shuffled()", 'print("x")', "let l = Logger(label: i)", "actor Box {}",
            "var r = SystemRandomNumberGenerator()", r'let s = "\(Bool.random())"',
        ]
        self.assert_red("pure-call", "Sources/Units/Size.swift", "\n".join(calls), count=len(calls))

    def test_impure_calls_are_allowed_above_the_pure_floors(self) -> None:
        self.tree.append("Sources/Store/Store.swift", "func f() async { print(Int.random(in: 0...1)) }\n")
        self.assertEqual(self.tree.findings("pure-call"), [])

    def test_each_forced_unwrap_is_found(self) -> None:
        lines = ["let a = b!", "c()!.d = e[0]!", "var f: Int!", r'let g = "\(h!)"', "let i = j?.k!", "let l: [I]! = m"]
        self.assert_red("forced-unwrap", "Sources/Store/Store.swift", "\n".join(lines), count=7)

    def test_negations_and_other_hazards_are_no_forced_unwraps(self) -> None:
        text = "if !a, b != c, d !== e, (!f), [!g] {}\nlet h = try! i as! J\n#if !os(Linux)\n#endif\n"
        self.tree.append("Sources/Store/Store.swift", text)
        self.assertEqual(self.tree.findings("forced-unwrap"), [])

    def test_forced_try_is_found(self) -> None:
        self.assert_red("forced-try", "Sources/Store/Store.swift", "let a = try! b()\n")

    def test_trying_a_negation_is_no_forced_try(self) -> None:
        self.tree.append("Sources/Store/Store.swift", "let a = try !b()\n")
        self.assertEqual(self.tree.findings("forced-try"), [])

    def test_forced_cast_is_found(self) -> None:
        self.assert_red("forced-cast", "Sources/Store/Store.swift", "let a = b as! C\n")

    def test_unowned_reference_is_found(self) -> None:
        text = "unowned let agent: Agent\nlet a = { [unowned self] in b() }\nlet unowned = UnownedJob(job)\n"
        self.assert_red("unowned-reference", "Sources/Store/Store.swift", text, count=2)

    def test_fatal_error_is_found(self) -> None:
        self.assert_red("fatal-error", "Sources/Store/Store.swift", 'func a() { fatalError("b") }\n')

    def test_long_file_is_found(self) -> None:
        self.assert_red("file-size", "Sources/Store/Store.swift", "// more\n" * 600)

    def test_file_at_the_limit_is_clean(self) -> None:
        self.tree.write("Sources/Store/Store.swift", "// more\n" * 600)
        self.assertEqual(self.tree.findings("file-size"), [])

    def test_long_functions_are_found(self) -> None:
        body = "    a()\n" * 69
        text = f"func f(g: () -> Void = {{}}) {{\n{body}}}\ninit() {{\n{body}}}\nvar v: Int {{\n{body}}}\n"
        self.assert_red("function-size", "Sources/Store/Store.swift", text, count=3)

    def test_functions_at_the_limit_and_requirements_are_clean(self) -> None:
        body = "    a(b.init())\n" * 68
        text = f"func f() {{\n{body}}}\nprotocol P {{\nfunc g()\nfunc h() -> Int\n}}\nstruct S {{\n{body}\n\n\n}}\n"
        self.tree.append("Sources/Store/Store.swift", text)
        self.assertEqual(self.tree.findings("function-size"), [])

    def test_long_python_function_is_found(self) -> None:
        self.assert_red("function-size", "Scripts/hello.py", "def f():\n" + "    a()\n" * 70)

    def test_long_line_is_found(self) -> None:
        self.assert_red("line-size", "Sources/Store/Store.swift", "// " + "x" * 118 + "\n")

    def test_unlisted_unchecked_sendable_is_found(self) -> None:
        self.assert_red("unchecked-sendable", "Sources/Units/Size.swift", "extension Size: @unchecked Sendable {}\n")

    def test_listed_type_that_is_gone_is_found(self) -> None:
        line = "Sources/Store/Store.swift Gone it was safe\n"
        self.assert_red("unchecked-sendable", "Scripts/unchecked-sendable.txt", line)

    def test_listed_type_without_a_reason_is_found(self) -> None:
        self.tree.write("Scripts/unchecked-sendable.txt", "Sources/Store/Store.swift Held\n")
        self.assertEqual([f.line for f in self.tree.findings("unchecked-sendable")], [1])

    def test_todo_without_an_issue_is_found(self) -> None:
        text = "/* one\n TODO: two */\nlet a = 1  // TODO(b): c\n"
        self.assert_red("todo", "Sources/Store/Store.swift", text, count=2)

    def test_todo_without_an_issue_is_found_in_scripts(self) -> None:
        self.assert_red("todo", "Scripts/hello", "# TODO later\n")
        self.tree.append("Scripts/hello.py", "# TODO later\n")
        self.assertEqual(len(self.tree.findings("todo")), 2)

    def test_fixme_is_found(self) -> None:
        self.assert_red("fixme", "Tests/StoreTests/HeldTests.swift", "// FIXME(#1): a\n")

    def test_broken_links_are_found(self) -> None:
        self.assert_red("link", "README.md", "[a](Scripts/gone) ![b](<gone.png>)\n[c]: gone.md\n", count=3)

    def test_layout_is_found(self) -> None:
        self.assert_red("swift-format", "Sources/Store/Store.swift", "  let   a = 1\n", count=2)

    def test_missing_swift_is_found(self) -> None:
        command = [sys.executable, REPOSITORY / "Scripts/check", "--root", self.tree.root, "--rule", "swift-format"]
        result = subprocess.run(command, capture_output=True, text=True, env={"PATH": ""}, timeout=60)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("install Swift 6.3", result.stdout)

    def test_broken_shell_script_is_found(self) -> None:
        self.assert_red("shell-syntax", "Scripts/hello", "if true; then\n")

    def test_broken_python_script_is_found(self) -> None:
        self.assert_red("python-syntax", "Scripts/hello.py", "def f(:\n")


class EntryTests(unittest.TestCase):
    def setUp(self) -> None:
        self.tree = PlantedTree()
        self.addCleanup(shutil.rmtree, self.tree.root)

    def check(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, REPOSITORY / "Scripts/check", "--root", self.tree.root]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def test_clean_tree_is_green(self) -> None:
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertTrue(result.stdout.startswith("check: clean ("))

    def test_breach_is_red_and_says_where_and_what(self) -> None:
        self.tree.append("Sources/Store/Store.swift", "let a = try! b()\n")
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"(?m)^Sources/Store/Store\.swift:5: forced-try: .*handle it or throw it$")

    def test_every_rule_has_a_test_that_sees_it_red(self) -> None:
        text = Path(__file__).read_text(encoding="utf-8")
        self.assertEqual([rule for rule in RULES if f'"{rule}", "' not in text], [])


class SwiftSourceTests(unittest.TestCase):
    def test_strings_and_comments_are_blank_and_interpolated_code_is_not(self) -> None:
        text = 'a /* b /* c */ d */ "e \\(f + "g\\(h)") \\" i" j // k\n"""\n l " \\(m)\n""" #"n \\(o) \\#(p)"# q'
        code = SwiftSource(text).code
        self.assertEqual("".join(c for c in code if c.isalpha()), "afhjmpq")
        self.assertEqual(len(code), len(text))
        self.assertEqual(code.count("\n"), text.count("\n"))

    def test_imports_are_read_in_every_spelling(self) -> None:
        text = "public import A\n@testable import B\n  import struct C.D\n@_spi(X) internal import E\n// import F\n"
        self.assertEqual(SwiftSource(text).imports, [(1, "A"), (2, "B"), (3, "C"), (4, "E")])


if __name__ == "__main__":
    unittest.main()
