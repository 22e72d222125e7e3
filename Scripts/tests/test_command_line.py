"""The command line as users and scripts meet it, with no agent running."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOAL = Path(os.environ.get("SHOAL") or ROOT / ".build" / "debug" / "shoal").resolve()

COMMANDS = [
    "init", "token", "join", "agent", "seed", "get", "follow", "unfollow", "list", "show", "status", "promote",
    "remove", "verify", "deny", "limit", "version",
]
# Arguments with which each command that asks the agent does so.
QUESTIONS = [
    ["token", "create"], ["seed", str(ROOT / "LICENSE"), "--model", "m", "--version", "1"], ["get", "m"],
    ["follow", "m"], ["unfollow", "m:canary"], ["list"], ["list", "m", "--latest"], ["show", "m@1"], ["status"],
    ["promote", "m@1"], ["remove", "m@1"], ["verify"], ["deny", "m@1"], ["deny", "node"], ["limit"],
    ["limit", "--upload", "1MB/s"], ["limit", "--clear"],
]
WRONG_USAGE = [
    ["nonsense"], ["status", "--nonsense"], ["status", "extra"], ["get"], ["get", "a b"], ["get", "m@"],
    ["get", "m:a/b"], ["get", "m/current"], ["get", "m", "--wait", "soon"], ["get", "m", "--wait", "-1"],
    ["get", "m", "--wait", "99999999999"], ["follow", "m@1"], ["promote", "m"], ["promote", "m@1", "--channel", "a b"],
    ["remove", "m"], ["token", "create", "--lifetime", "0"], ["token", "create", "--lifetime", "1441"],
    ["deny", "@1"], ["seed", "."], ["seed", ".", "--model", "m//x", "--version", "1"],
    ["seed", ".", "--model", "m", "--version", "deadbeef"], ["seed", ".", "--model", "m", "--version", "a/b"],
    ["join", "token"], ["join", "token", "--peer", "127.0.0.1"], ["init", "--cluster", "c"],
    ["init", "--cluster", "a/b", "--node", "n"], ["agent", "--listen", "here"], ["agent", "--peer", "a b"],
    ["agent", "--label", "zone"], ["agent", "--label", "=a"], ["agent", "--label", "zone=" + "x" * 129],
    ["list", "--latest"], ["list", "m@1"], ["verify", "m:canary"], ["limit", "extra"], ["limit", "--upload", "fast"],
    ["limit", "--upload", "1MB/s", "--for", "soon"],
    ["agent"] + [part for number in range(17) for part in ("--label", f"key{number}=v")],
]


@unittest.skipUnless(SHOAL.exists(), f"{SHOAL} is not built")
class CommandLineTests(unittest.TestCase):
    """Each test has a folder of its own; a state folder in it belongs to no cluster unless a test makes one."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shoal-command-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = self.folder / "state"

    def run_shoal(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "SHOAL_STATE": str(self.state)}
        done = subprocess.run(
            [SHOAL, *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False,
        )
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    # Help

    def test_every_command_has_help(self) -> None:
        listing = self.run_shoal("--help").stdout
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertIn(f"\n  {command} ", listing)
                text = self.run_shoal(command, "--help").stdout
                self.assertIn(f"USAGE: shoal {command}", text)
                self.assertEqual(self.run_shoal("help", command).stdout, text)
        self.assertIn("USAGE: shoal token create", self.run_shoal("token", "create", "--help").stdout)

    def test_help_fits_a_terminal_and_tells_the_exit_codes(self) -> None:
        listing = " ".join(self.run_shoal("--help").stdout.split())
        for code in [0, 1, 2, 3, 4, 5, 64, 69, 75, 77, 78]:
            self.assertRegex(listing, rf" {code} [a-z]")
        for command in COMMANDS:
            for line in self.run_shoal(command, "--help").stdout.splitlines():
                if not line.startswith("USAGE:"):  # this one is for the terminal to break
                    self.assertLessEqual(len(line), 80, command)

    def test_every_command_that_prints_takes_json(self) -> None:
        for command in sorted({*COMMANDS} - {"agent", "token"}):
            self.assertIn("--json", self.run_shoal(command, "--help").stdout, command)
        self.assertIn("--json", self.run_shoal("token", "create", "--help").stdout)

    def test_no_command_at_all_shows_the_help(self) -> None:
        self.assertEqual(self.run_shoal().stdout, self.run_shoal("--help").stdout)

    # Completions

    def test_completions_are_scripts_that_know_the_commands(self) -> None:
        for shell in ["bash", "zsh", "fish"]:
            with self.subTest(shell=shell):
                script = self.run_shoal("--generate-completion-script", shell).stdout
                for command in COMMANDS:
                    self.assertIn(command, script)
                self.assertIn("--no-follow" if shell != "fish" else "no-follow", script)
                if shutil.which(shell):
                    checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
                    self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    # Wrong usage

    def test_wrong_usage_ends_with_64_and_says_why_on_stderr(self) -> None:
        for arguments in WRONG_USAGE:
            with self.subTest(arguments=arguments):
                done = self.run_shoal(*arguments, code=64)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr.strip())
        self.assertFalse(self.state.exists())

    def test_options_stand_after_the_commands_name(self) -> None:
        self.assertIn("--state", self.run_shoal("--state", self.state, "status", code=64).stderr)
        self.run_shoal("status", "--state", self.state, code=69)

    # No agent

    def test_where_no_agent_answers_commands_end_with_69_and_say_what_to_do(self) -> None:
        for arguments in QUESTIONS:
            with self.subTest(arguments=arguments):
                done = self.run_shoal(*arguments, code=69)
                self.assertEqual(done.stdout, "")
                self.assertIn(f"{self.state}/run/control.sock", done.stderr)
                self.assertIn("shoal agent", done.stderr)

    def test_with_json_the_error_is_one_object_on_stderr(self) -> None:
        error = json.loads(self.run_shoal("status", "--json", code=69).stderr)["error"]
        self.assertEqual(set(error), {"exit", "message", "hint"})
        self.assertEqual(error["exit"], 69)

    def test_a_control_socket_may_be_elsewhere(self) -> None:
        socket = self.folder / "other.sock"
        self.assertIn(str(socket), self.run_shoal("status", "--control", socket, code=69).stderr)

    # Version, init, agent

    def test_version_names_the_protocols(self) -> None:
        report = json.loads(self.run_shoal("version", "--json").stdout)
        self.assertEqual(report["schema"], "shoal.version/1")
        self.assertEqual(report["protocols"], ["shoal/1", "shoal-join/1", "handoff/1"])
        self.assertIn(report["version"], self.run_shoal("version").stdout)

    def test_init_makes_a_cluster_once(self) -> None:
        arguments = ["init", "--cluster", "harbour", "--node", "berth", "--keys", self.folder / "keys"]
        report = json.loads(self.run_shoal(*arguments, "--json").stdout)
        self.assertEqual(set(report), {"schema", "cluster", "node", "state", "keys"})
        self.assertEqual((report["state"], report["keys"]), (str(self.state), str(self.folder / "keys")))
        keys = sorted(path.name for path in (self.folder / "keys").iterdir())
        self.assertEqual(keys, ["operator.pem", "publish.pem", "root.pem"])
        for path in [*(self.folder / "keys").iterdir(), *(self.state / "keys").glob("*.pem")]:
            self.assertEqual(path.stat().st_mode & 0o377, 0, path)
        again = self.run_shoal(*arguments, code=1)
        self.assertIn("belongs to a cluster", again.stderr)

    def test_an_agent_without_a_cluster_or_with_a_wrong_file_ends_with_78(self) -> None:
        self.assertIn("shoal init", self.run_shoal("agent", code=78).stderr)
        config = self.folder / "shoal.toml"
        config.write_text('listen = "127.0.0.1:0"\nlissen = 1\n')
        self.assertIn(f"{config}:2:1: unknown key lissen", self.run_shoal("agent", "--config", config, code=78).stderr)
        self.assertIn("none.toml", self.run_shoal("agent", "--config", self.folder / "none.toml", code=78).stderr)


if __name__ == "__main__":
    unittest.main()
