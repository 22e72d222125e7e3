"""File systems in loop-mounted images, for tests and benchmarks. Needs root."""

import os
import subprocess
import tempfile
from pathlib import Path

MAKERS = {"xfs": ["mkfs.xfs", "-q", "-m", "reflink=1"], "ext4": ["mkfs.ext4", "-q"], "btrfs": ["mkfs.btrfs", "-q"]}


class Disk:
    """A disk of its own, mounted at `path` until `remove`."""

    def __init__(self, kind: str, byte_count: int, in_memory: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shoal-disk-", dir=os.environ.get("TMPDIR", "/var/tmp")))
        self.mounts: list[Path] = []
        self.path = self.folder / "mount"
        try:
            image = self._place(byte_count, in_memory) / "image"
            with open(image, "wb") as file:
                file.truncate(byte_count)
            run(*MAKERS[kind], str(image))
            self.path.mkdir()
            self._mount(self.path, "-o", "loop", str(image))
        except BaseException:
            self.remove()
            raise

    def _place(self, byte_count: int, in_memory: bool) -> Path:
        place = self.folder / "memory"
        place.mkdir()
        if in_memory:
            self._mount(place, "-t", "tmpfs", "-o", f"size={byte_count + (64 << 20)}", "tmpfs")
        return place

    def _mount(self, place: Path, *arguments: str) -> None:
        run("mount", *arguments, str(place))
        self.mounts.append(place)

    def used(self) -> int:
        """Bytes in use, after what is written was given to the disk."""
        run("sync", "-f", str(self.path))
        status = os.statvfs(self.path)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def remove(self) -> None:
        """Takes it away; what used it must have ended."""
        for place in reversed(self.mounts):
            subprocess.run(["umount", str(place)], check=False)
        self.mounts = []
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.folder)], check=False)


def can_mount() -> bool:
    """Whether this user may mount, and the kernel has loop devices."""
    return os.geteuid() == 0 and Path("/dev/loop-control").exists()


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
