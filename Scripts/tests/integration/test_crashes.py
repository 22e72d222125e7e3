"""A few turns of each campaign of `Scripts/faults/crash`."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "faults"))

from crashes.campaign import ACTIONS, campaign  # noqa: E402
from disk import can_mount  # noqa: E402

TURNS = 2


@unittest.skipUnless(can_mount(), "needs root and loop devices")
class CrashTest(unittest.TestCase):
    def check(self, disk: str, cut: str) -> None:
        tally = campaign(disk, cut, list(ACTIONS), TURNS, seed=1)
        self.assertEqual(tally.losses, [])
        self.assertEqual(sum(tally.hits.values()) + tally.late, TURNS * len(ACTIONS))

    def test_power_cuts_on_ext4_lose_nothing(self) -> None:
        self.check("ext4", "power")

    def test_power_cuts_on_xfs_lose_nothing(self) -> None:
        self.check("xfs", "power")

    def test_killed_agents_lose_nothing(self) -> None:
        self.check("ext4", "kill")
