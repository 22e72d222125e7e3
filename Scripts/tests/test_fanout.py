"""The arithmetic of the benchmark: limits, payload, goals, and the table, from results as swarmbench writes them."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path[:0] = [str(BENCH), str(BENCH / "fanout.d")]

from distribution import figures  # noqa: E402
from distribution.cases import CASES, named  # noqa: E402
from distribution.table import rows_of, table  # noqa: E402
from swarmbench import bench, net, trace  # noqa: E402

MIB = 1 << 20


def result(tag: str, system: str = "exec:shoal", last: float = 10.0, **more: object) -> dict:
    """What swarmbench writes of one run, with round numbers."""
    made = {
        "tag": tag,
        "system": system,
        "nodes": 2,
        "size": 200 * MIB,
        "limit_s": 8.0,
        "goodput": 25.0 * MIB,
        "racks": 0,
        "publish_s": 0.5,
        "first_s": last - 2,
        "median_s": last - 1,
        "last_s": last,
        "seed_sent_copies": 1.1,
        "traffic_factor": 1.05,
        "rack_in": [],
        "cpu_publish": [1, 1],
        "cpu_seed": [2, 1],
        "cpu_nodes": [3, 2],
        "rss_seed_kib": 1024,
        "rss_node_kib": 2048,
        "cpu_busy": 0.5,
        "foreign": 0.01,
        "node_times": {"1": 8.0, "2": last},
        "node_limits": {"1": 8.0, "2": 8.0},
    }
    return {**made, **more}


def said(sent: float, **sources: float) -> dict:
    """What one node reports: copies that it sent, and copies by source."""
    size = 200 * MIB
    return {
        "sent": sent * size,
        "connected": 2,
        "received": size,
        "from": {name.replace("_", "-"): copies * size for name, copies in sources.items()},
    }


def row(*results: dict, system: str = "exec:shoal") -> figures.Row:
    """The row of one case and system."""
    return rows_of(list(results))[results[0]["tag"], system]


class Limits(unittest.TestCase):
    """The least time that links allow."""

    def test_equal_links_take_one_copy_whatever_the_number_of_nodes(self):
        for count in (1, 20, 1000):
            limits = bench.node_limits(100, 10, {i: 10 for i in range(1, count + 1)})
            self.assertEqual(set(limits.values()), {10})

    def test_agrees_with_the_formula_for_a_seed_of_another_rate(self):
        for seed, node, count in ((5, 10, 7), (50, 10, 7), (10, 1, 3)):
            limits = bench.node_limits(1000, seed, {i: node for i in range(1, count + 1)})
            self.assertAlmostEqual(max(limits.values()), bench.broadcast_limit(1000, count, seed, node))

    def test_a_fast_node_is_bound_by_the_seed_and_a_slow_one_by_itself(self):
        limits = bench.node_limits(100, 10, {1: 20, 2: 10, 3: 5})
        self.assertEqual(limits, {1: 10, 2: 10, 3: 20})


class Payload(unittest.TestCase):
    """Copies of chunk payload, from what the agents report."""

    def test_the_seeds_is_what_it_says(self):
        run = result("20x200", reports={"0": said(1.02), "1": said(1, node_0=0.5, node_2=0.5)})
        self.assertAlmostEqual(figures.seed_payload(run), 1.02)

    def test_a_killed_seeds_is_what_the_nodes_got_from_it(self):
        run = result(
            "seed-killed", reports={"1": said(1, node_0=0.5, node_2=0.5), "2": said(1, node_0=0.6, node_1=0.4)}
        )
        self.assertAlmostEqual(figures.seed_payload(run), 1.1)

    def test_received_counts_duplicates_and_leaves_unfinished_nodes_out(self):
        run = result("slow-node", reports={"0": said(1), "1": said(1, node_0=1.0, node_2=0.02), "9": said(0, node_0=3)})
        self.assertEqual([round(copies, 4) for copies in figures.payload_received(run)], [1.02])

    def test_into_racks_counts_what_crosses_and_not_the_seeds_rack(self):
        reports = {
            "0": said(1),
            "1": said(1, node_0=1, node_2=5),
            "2": said(1, node_0=0.5, node_3=0.5),
            "3": said(1, node_1=0.25, node_2=0.75),
        }
        run = result("racks", racks=2, rack_of=[0, 0, 1, 1], reports=reports)
        self.assertAlmostEqual(figures.payload_into_racks(run), 0.75)

    def test_peers_have_none(self):
        self.assertIsNone(figures.seed_payload(result("20x200", "libtorrent")))


class Goals(unittest.TestCase):
    """Whether a goal is met, and against what."""

    def verdicts(self, *results: dict) -> list[str]:
        return figures.goal_lines(rows_of(list(results)))

    def test_the_median_of_three_decides(self):
        runs = [result("20x200", last=last) for last in (8.1, 9.0, 8.2)]
        self.assertEqual(row(*runs).middle["last_s"], 8.2)
        self.assertIn("20x200: last/limit at most 1.05: 1.025, met", self.verdicts(*runs))
        self.assertIn("20x200: last/limit at most 1.05: 1.062, MISSED", self.verdicts(result("20x200", last=8.5)))

    def test_copies_are_the_most_of_any_run(self):
        runs = [result("20x200", reports={"0": said(copies)}) for copies in (1.0, 1.2, 1.0)]
        self.assertIn("20x200: seed's payload at most 1.05: 1.200, MISSED", self.verdicts(*runs))

    def test_the_fast_case_is_held_against_the_best_peer_and_the_floor(self):
        lines = self.verdicts(
            result("50x200fast", last=30),
            result("50x200fast", "libtorrent", 50),
            result("50x200fast", "aria2", 40),
            {"tag": "50x200fast", "system": "floor", "last_s": 25.0, "cpu_s": 30, "cpu_busy": 0.9, "foreign": 0.0},
        )
        self.assertIn("50x200fast: of best peer at most 0.75: 0.750, met", lines)
        self.assertIn("50x200fast: of floor at most 1.3: 1.200, met", lines)

    def test_growth_and_added_seconds_compare_two_cases(self):
        lines = self.verdicts(
            result("growth10", last=40),
            result("growth100", last=44),
            result("blackhole-base", last=20),
            result("blackhole", last=21.5),
        )
        self.assertIn("growth100: growth at most 1.05: 1.100, MISSED", lines)
        self.assertIn("blackhole: added s at most 2: 1.500, met", lines)

    def test_without_a_figure_a_goal_is_not_met(self):
        failed = {"tag": "20x200", "system": "exec:shoal", "run": 1, "failed": "node 3: gone"}
        self.assertIn("20x200: last/limit at most 1.05: no figure", self.verdicts(failed))
        self.assertIn(
            "known100: known s at most 1: no figure", self.verdicts(result("known100", "exec:follow", known={"1": 0.2}))
        )

    def test_of_unequal_links_each_node_is_held_against_its_own(self):
        run = result("unequal", node_times={"1": 9.0, "2": 8.0}, node_limits={"1": 9.0, "2": 4.0})
        self.assertEqual(figures.worst_of_own_limit(run), 2.0)

    def test_a_newcomer_counts_from_its_own_start(self):
        run = row(result("newcomer", node_times={"1": 8.0, "21": 9.6})).middle
        self.assertAlmostEqual(figures.newcomer_share(run), 9.6 * 25 / 200)


class Table(unittest.TestCase):
    """One line for each system of a case."""

    def test_small_files_count_from_the_publication_for_all_systems(self):
        early, late = result("small6", "exec:follow", early=True), result("small6", "libtorrent", early=False)
        self.assertEqual(figures.last(row(early, system="exec:follow").case, early), 10.0)
        self.assertEqual(figures.last(row(late, system="libtorrent").case, late), 10.5)

    def test_a_busy_machine_and_a_disturbed_run_are_marked(self):
        text = table([result("20x200", cpu_busy=0.9), result("20x200", "aria2", foreign=0.3)])
        self.assertEqual(text.count(figures.MACHINE_BOUND), 1)
        self.assertIn("disturbed: other processes took 30%", text)

    def test_a_failed_run_stays_in_the_table_beside_the_good_ones(self):
        text = table([result("20x200"), {"tag": "20x200", "system": "aria2", "run": 1, "failed": "gave up after 9 s"}])
        self.assertIn("1 of 1 runs failed: gave up after 9 s", text)
        widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
        self.assertEqual(len(widths), 1)

    def test_every_case_of_the_list_is_measured_once(self):
        self.assertEqual(len({case.name for case in CASES}), len(CASES))
        self.assertEqual([case.name for case in named("blackhole,20x200")], ["20x200", "blackhole-base", "blackhole"])
        with self.assertRaisesRegex(ValueError, "unknown case nonsense; there are 20x200"):
            named("nonsense")

    def test_every_goal_has_its_arithmetic(self):
        self.assertLessEqual({kind for case in CASES for kind, _ in case.goals}, set(figures.GOALS))


class Machine(unittest.TestCase):
    """What keeps runs from disturbing each other, and what a trace says."""

    def test_a_second_run_gives_up_with_a_word_on_who_has_the_lock(self):
        with tempfile.TemporaryDirectory() as folder:
            code = "import sys; from swarmbench import net\nwith net.lock(0.2, sys.argv[1]): print('had it')"
            second = [sys.executable, "-c", code, f"{folder}/lock"]
            with net.lock(1, f"{folder}/lock"):
                refused = subprocess.run(second, cwd=BENCH, capture_output=True, text=True, timeout=30)
            granted = subprocess.run(second, cwd=BENCH, capture_output=True, text=True, timeout=30)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("another run of swarmbench is going on", refused.stderr)
        self.assertEqual(granted.stdout, "had it\n")

    def test_a_trace_says_when_the_seeds_first_copy_was_out_and_how_full_links_were(self):
        points = [(float(t), [t * 100_000, 0], [0, t * 100_000]) for t in range(11)]
        lines = trace.summary(points, 500_000, [100_000, 100_000], 10.0)
        self.assertIn("at 5.00 s (the link alone: 5.00 s)", lines[1])
        self.assertIn("seed up 100%, nodes up   0%", lines[-1])


if __name__ == "__main__":
    unittest.main()
