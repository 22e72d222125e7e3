"""The tables at the end of the demo."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from report import Delivery, costs, table  # noqa: E402

FIRST = Delivery("1", {"a": 2.0, "b": 3.0}, {"a": 2.5}, {"a": {"seed": 60_000_000}, "b": {"seed": 1, "a": 59_999_999}})
SECOND = Delivery("2", {"a": 1.0, "b": 0.5}, {"a": 1.5}, {"a": {"seed": 7_000_000}, "b": {"a": 6_000_000}})


class ReportTests(unittest.TestCase):
    def test_costs_are_those_of_the_node_that_was_sent_the_most(self) -> None:
        lines = costs([FIRST, SECOND], {"1": 60_000_000, "2": 61_000_000}).splitlines()
        self.assertEqual([line.split() for line in lines[1:]], [
            ["1", "60.0", "MB", "60.0", "MB", "0.0", "MB"], ["2", "61.0", "MB", "7.0", "MB", "54.0", "MB"],
        ])

    def test_the_last_node_of_each_version_is_named(self) -> None:
        text = table([FIRST, SECOND], {"a": "2"})
        self.assertIn("1: 3.00 s to the last node (b)", text)
        self.assertIn("2: 1.00 s to the last node (a)", text)


if __name__ == "__main__":
    unittest.main()
