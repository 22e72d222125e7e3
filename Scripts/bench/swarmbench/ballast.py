"""Memory that is there when a run needs it.

A virtual machine's host takes back what lies free for some seconds. To get it again costs more than all that a transfer
does with a page, and whoever writes next pays: of 50 agents that wrote 10 GiB to tmpfs it was a fifth of all processor
time. So what a run will write is held in a file and let go bit by bit as it is used, soon enough to be there and too
late to be taken back."""
import ctypes
import os
import threading

MIB = 1 << 20
FREE = 256 * MIB                               # kept free at any time
STEP = 64 * MIB
PERIOD = 0.05                                  # seconds; at 100 Mbit/s 50 nodes write 31 MB in that time
PUNCH = 0x01 | 0x02                            # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
libc = ctypes.CDLL(None, use_errno=True)


def free_memory():
    """Bytes that nobody uses, without what the kernel could take from its caches."""
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("MemFree:"))


class Ballast:
    """Up to `size` bytes of tmpfs, given back while memory is used elsewhere."""

    def __init__(self, folder, size):
        self.path = f"{folder}/ballast"
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self.start, self.end, noughts = 0, 0, bytes(STEP)
        while self.end < size and free_memory() > FREE + STEP:
            self.end += os.write(self.file, noughts)   # fallocate alone would not touch the pages
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stop.wait(PERIOD) and self.start < self.end:
            if (lack := FREE - free_memory()) > 0:
                self._let_go(min(-(-lack // MIB) * MIB, self.end - self.start))

    def _let_go(self, size):
        if libc.fallocate(self.file, PUNCH, ctypes.c_long(self.start), ctypes.c_long(size)):
            raise OSError(ctypes.get_errno(), "fallocate", self.path)
        self.start += size

    def close(self):
        self._stop.set()
        self._thread.join()
        os.close(self.file)
        os.unlink(self.path)
