"""What every link carried over time: the interface counters of the hub, read every few milliseconds.

Reading /proc/net/dev of the hub costs about 10 microseconds per link; the counters are those behind the shapers."""
import threading
import time


class Trace:
    """Samples (time, [bytes node i sent], [bytes node i received]) until stopped. To be made in the hub's namespace."""

    def __init__(self, n, interval=0.05):
        self.n, self.interval, self.points = n, interval, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        with open("/proc/thread-self/net/dev") as f:
            while True:
                f.seek(0)
                now, sent, recv = time.monotonic(), [0] * (self.n + 1), [0] * (self.n + 1)
                for line in f.read().splitlines()[2:]:
                    name, _, rest = line.partition(":")
                    name = name.strip()
                    if name[0] == "v" and name[1:].isdigit() and int(name[1:]) <= self.n:
                        columns = rest.split()
                        sent[int(name[1:])], recv[int(name[1:])] = int(columns[0]), int(columns[8])
                self.points.append((now, sent, recv))
                if self._stop.wait(self.interval):
                    return

    def stop(self, t0):
        """The samples, with times from t0 on and bytes since the first sample."""
        self._stop.set()
        self._thread.join()
        _, sent0, recv0 = self.points[0]
        less = lambda now, base: [a - b for a, b in zip(now, base)]
        return [(round(t - t0, 3), less(s, sent0), less(r, recv0)) for t, s, r in self.points]


def summary(points, size, rates, last):
    """Lines of text: how the links were used between the start and the last node; rates in bytes per second."""
    n, out = len(rates) - 1, []
    first = next((t for t, s, _ in points if s[0] > 64 << 10), None)
    out.append(f"seed's first 64 KiB on its link at {first if first is None else f'{first:.2f} s'}")
    copy = next((t for t, s, _ in points if s[0] >= size), None)
    out.append(f"seed's first copy on its link at {'never' if copy is None else f'{copy:.2f} s'} "
               f"(the link alone: {size / rates[0]:.2f} s)")
    steps = 20
    at = lambda t: min(points, key=lambda p: abs(p[0] - t))
    for k in range(steps):
        a, b = at(last * k / steps), at(last * (k + 1) / steps)
        dt = max(b[0] - a[0], 1e-3)
        use = lambda which, i: (b[which][i] - a[which][i]) / dt / rates[i]
        up, down = [use(1, i) for i in range(1, n + 1)], [use(2, i) for i in range(1, n + 1)]
        out.append(f"{a[0]:6.2f} to {b[0]:6.2f} s: seed up {use(1, 0):4.0%}, nodes up {sum(up) / n:4.0%} "
                   f"(least {min(up):4.0%}), nodes down {sum(down) / n:4.0%} (least {min(down):4.0%}, most {max(down):4.0%})")
    return out
