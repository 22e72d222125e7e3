"""Memory that is there when a run needs it.

A virtual machine's host takes back what lay free for a while. To get it again costs more than all that a transfer does
with a page, and whoever writes next pays: of 50 agents that wrote 10 GiB to tmpfs it was a fifth of all processor time."""
import os

MIB = 1 << 20
SHARE_MAX = 0.75                               # of what is free


def free_memory():
    """Bytes that nobody uses."""
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("MemFree:"))


def make_ready(folder, size):
    """Touches so many bytes of tmpfs and frees them again. What was freed last is what the kernel gives out first."""
    path, piece = f"{folder}/warm", bytes(MIB)
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range(int(min(size, free_memory() * SHARE_MAX)) // MIB):
                file.write(piece)
    finally:
        os.unlink(path)
