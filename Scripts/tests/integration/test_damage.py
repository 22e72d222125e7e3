"""A few turns of the campaign of `Scripts/faults/damage`."""

import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / folder) for folder in ("faults", "inference")]

from damage_campaign import USES, campaign  # noqa: E402

TURNS = 3


class DamageTest(unittest.TestCase):
    def test_no_damage_gets_any_further_and_all_of_it_is_mended(self) -> None:
        tally = campaign(list(USES), TURNS, seed=1)
        self.assertEqual(tally.losses, [])
        self.assertEqual(tally.turns, dict.fromkeys(USES, TURNS))


if __name__ == "__main__":
    unittest.main()
