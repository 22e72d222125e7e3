"""A disk in an image file, whose power can be cut."""

import fcntl
import os
import struct
import subprocess
from pathlib import Path

FS_IOC_SHUTDOWN = 0x8004587D
JOURNAL_NOT_FLUSHED = 2
MAKERS = {
    "ext4": (["mkfs.ext4", "-q", "-F"], 96 << 20),
    "xfs": (["mkfs.xfs", "-q", "-m", "reflink=1"], 320 << 20),
}


class Image:
    """An image and the place where it is mounted."""

    def __init__(self, file: Path, mount: Path) -> None:
        self.file, self.mount = file, mount
        self.is_mounted = False

    @staticmethod
    def make(kind: str, file: Path, mount: Path) -> "Image":
        maker, byte_count = MAKERS[kind]
        with open(file, "wb") as target:
            target.truncate(byte_count)
        run(*maker, str(file))
        mount.mkdir()
        return Image(file, mount)

    def attach(self) -> None:
        run("mount", "-o", "loop", str(self.file), str(self.mount))
        self.is_mounted = True

    def detach(self) -> None:
        if self.is_mounted:
            run("umount", str(self.mount))
        self.is_mounted = False

    def copy(self, file: Path) -> "Image":
        run("cp", "--sparse=always", str(self.file), str(file))
        return Image(file, self.mount)

    def cut_power(self, file: Path) -> "Image":
        """What a disk would hold had the power failed now. Whoever uses the mount gets errors from then on."""
        mount = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(mount, FS_IOC_SHUTDOWN, struct.pack("I", JOURNAL_NOT_FLUSHED))
        finally:
            os.close(mount)
        # Before the umount, which may still write.
        return self.copy(file)


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
