"""A link that takes so many bytes a second and no more, between an agent and its peers on loopback."""

import asyncio
import threading
import time

PIECE_BYTES = 4096
# What may come at once after a pause; small, so that the rate shows after a moment.
BURST_SECONDS = 0.02


class SlowLink:
    """Forwards connections to several addresses. What flows back to whoever connects shares one rate; what flows forth
    is not slowed down.
    """

    def __init__(self, targets: list[str], bytes_per_second: int) -> None:
        self.rate = bytes_per_second
        self.targets = targets
        self.addresses: list[str] = []
        self._free_at = 0.0
        self._servers: list[asyncio.Server] = []
        self._forwarding: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._forwarding:
            task.cancel()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    async def _listen(self) -> None:
        for target in self.targets:
            host, port = target.rsplit(":", 1)

            # Not a coroutine: a task of the server's own would say on stderr that it was cancelled.
            def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str = host,
                        port: int = int(port)) -> None:
                task = self._loop.create_task(self._forward(reader, writer, host, port))
                self._forwarding.add(task)
                task.add_done_callback(self._forwarding.discard)

            server = await asyncio.start_server(forward, "127.0.0.1", 0, limit=PIECE_BYTES)
            self._servers.append(server)
            self.addresses.append("127.0.0.1:%d" % server.sockets[0].getsockname()[1])

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port, limit=PIECE_BYTES)
        except OSError:
            writer.close()
            return
        for each in (writer, far_writer):
            each.transport.set_write_buffer_limits(high=PIECE_BYTES)
        try:
            await asyncio.gather(self._pump(reader, far_writer, slow=False), self._pump(far_reader, writer, slow=True))
        finally:
            writer.close()
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow: bool) -> None:
        try:
            while piece := await reader.read(PIECE_BYTES):
                if slow:
                    await self._take_turn(len(piece))
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def _take_turn(self, byte_count: int) -> None:
        now = time.monotonic()
        start = max(self._free_at, now - BURST_SECONDS)
        self._free_at = start + byte_count / self.rate
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)
