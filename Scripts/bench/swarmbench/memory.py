"""Memory that is there when a run needs it.

A virtual machine's host takes back what lay free for a while. To get it again costs more than all that a transfer does
with a page, and whoever writes next pays: of 50 agents that wrote 10 GiB to tmpfs it was a fifth of all processor time."""
import os

MIB = 1 << 20


def make_ready(folder, size):
    """Touches so many bytes of tmpfs and frees them again. What was freed last is what the kernel gives out first."""
    path, piece = f"{folder}/warm", bytes(MIB)
    with open(path, "wb", buffering=0) as file:
        for _ in range(size // MIB):
            file.write(piece)
    os.unlink(path)
