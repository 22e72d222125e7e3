"""A file system that is full or read-only for a while: `status` names it, nothing is lost, and it goes on by itself."""

import errno
import os
import resource
import subprocess
import unittest
from pathlib import Path

from cluster import ClusterTestCase
from payload import KIB, MIB, digests, tree

MODEL = "acme/detector"
DISK = 48 * MIB


def use_up_inodes(folder: Path) -> Path:
    """Fills a new folder with empty files until the file system has room for no more, whoever else makes some."""
    folder.mkdir()
    for number in range(os.statvfs(folder).f_favail):
        try:
            (folder / str(number)).touch()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            break
    return folder


class FullDiskTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("mounting a file system needs root")
        self.a = self.cluster.first("a")
        self.b = self.cluster.make("b")
        self.b.state.mkdir()
        image = self.cluster.folder / "image"
        with open(image, "wb") as file:
            file.truncate(DISK)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-F", image], check=True)
        mounted = subprocess.run(["mount", "-o", "loop", image, self.b.state], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.b.state], check=False)
        self.addCleanup(self.cluster.end)
        (self.b.state / "lost+found").rmdir()
        self.b.run("join", self.cluster.token(), "--peer", self.a.address, "--node", "b")
        self.b.start()
        self.b.wait_connected("a")
        self.ballast = self.b.state / "ballast"

    def leave_free(self, byte_count: int) -> None:
        state = os.statvfs(self.b.state)
        free = state.f_bavail * state.f_frsize
        subprocess.run(["fallocate", "-l", str(free - byte_count), self.ballast], check=True)

    def remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.b.state], check=True)

    def wait_state(self, state: str) -> None:
        self.b.wait_for(lambda status: status["node"]["state"] == state, 20, f"the node is {state}")

    def test_a_version_that_does_not_fit_is_fetched_once_there_is_room(self) -> None:
        self.leave_free(8 * MIB)
        files = tree(self.cluster.folder / "files", {"model.bin": 20 * MIB})
        self.a.run("seed", files, "--model", MODEL, "--version", "1")
        self.b.run("follow", MODEL)
        self.wait_state("full")
        self.assertIn("disk full", self.b.model(MODEL, "1")["error"])
        self.assert_fails(self.b, "get", MODEL, code=1, says="free space")
        self.ballast.unlink()
        self.b.wait_complete(MODEL, "1")
        self.wait_state("running")
        self.assertEqual(digests(self.b.wait_current(MODEL, "1")), digests(files))

    def test_a_disk_without_inodes_is_named_serves_on_and_is_used_again_once_there_are_some(self) -> None:
        first = tree(self.cluster.folder / "first", {"model.bin": MIB})
        self.a.run("seed", first, "--model", MODEL, "--version", "1")
        self.b.run("follow", MODEL)
        served = self.b.wait_current(MODEL, "1").resolve()
        litter = use_up_inodes(self.b.state / "litter")
        second = tree(self.cluster.folder / "second", {f"part-{number}": KIB for number in range(40)})
        self.a.run("seed", second, "--model", MODEL, "--version", "2")
        self.wait_state("full")
        self.assertEqual(self.b.current(MODEL).resolve(), served)
        self.assertEqual(digests(served), digests(first))
        subprocess.run(["rm", "-r", litter], check=True)
        self.b.wait_complete(MODEL, "2")
        self.wait_state("running")
        self.assertEqual(digests(self.b.wait_current(MODEL, "2")), digests(second))

    def test_a_limit_of_file_sizes_is_named_and_does_not_end_the_agent(self) -> None:
        first = tree(self.cluster.folder / "first", {"model.bin": MIB})
        self.a.run("seed", first, "--model", MODEL, "--version", "1")
        self.b.run("follow", MODEL)
        served = self.b.wait_current(MODEL, "1").resolve()
        resource.prlimit(self.b.pid, resource.RLIMIT_FSIZE, (4 * MIB, resource.RLIM_INFINITY))
        second = tree(self.cluster.folder / "second", {"model.bin": 8 * MIB})
        self.a.run("seed", second, "--model", MODEL, "--version", "2")
        self.wait_state("full")
        self.assertIn("disk full", self.b.model(MODEL, "2")["error"])
        self.assertEqual(digests(served), digests(first))
        resource.prlimit(self.b.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.b.wait_complete(MODEL, "2")
        self.wait_state("running")

    def test_a_head_that_came_while_nothing_could_be_written_is_not_lost(self) -> None:
        self.b.run("follow", MODEL)
        self.remount("ro")
        files = tree(self.cluster.folder / "files", {"model.bin": MIB, "config.json": KIB})
        self.a.run("seed", files, "--model", MODEL, "--version", "1")
        self.wait_state("read-only")
        self.assert_fails(self.b, "follow", "acme/other", code=1, says="read-only")
        self.remount("rw")
        self.b.wait_complete(MODEL, "1")
        self.wait_state("running")
        self.assertEqual(self.b.neighbour("a")["state"], "connected")


if __name__ == "__main__":
    unittest.main()
