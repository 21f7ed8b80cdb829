"""Writes at a steady pace, and tells one line of JSON for every write.

Used as `PROGRAM ADDRESSES GROUP EVERY_MS`. The addresses are those of Sentinels, or the one of a proxy.
Ends when standard input does, and after two minutes.
"""

import asyncio
import json
import sys
import threading
import time

LONGEST_RUN = 120


class Pace:
    def __init__(self, library):
        listed, self.group, every = sys.argv[1:]
        pairs = [address.rsplit(":", 1) for address in listed.split(",")]
        self.addresses = [(host, int(port)) for host, port in pairs]
        self._every = float(every) / 1000
        self._start = time.monotonic()
        self._next = self._start
        self._number = 0
        self._ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        self._tell(library=library.__name__, version=library.__version__)

    def run(self, write):
        """Calls `write` until the end."""
        while not self._is_over():
            begun = time.monotonic()
            try:
                counter = write()
                self._acknowledged(begun, counter)
            except Exception as error:  # Whatever it is, the harness judges it.
                self._failed(begun, error)
            self._ended.wait(self._pause())

    async def run_async(self, write):
        """Awaits `write` until the end."""
        while not self._is_over():
            begun = time.monotonic()
            try:
                counter = await write()
                self._acknowledged(begun, counter)
            except Exception as error:  # Whatever it is, the harness judges it.
                self._failed(begun, error)
            await asyncio.sleep(self._pause())

    def _listen(self):
        sys.stdin.read()
        self._ended.set()

    def _is_over(self):
        return self._ended.is_set() or time.monotonic() - self._start > LONGEST_RUN

    def _pause(self):
        now = time.monotonic()
        self._next = max(self._next + self._every, now)
        return self._next - now

    def _acknowledged(self, begun, counter):
        self._written(begun, ok=True, counter=counter)

    def _failed(self, begun, error):
        self._written(begun, ok=False, error=f"{type(error).__name__}: {error}")

    def _written(self, begun, **result):
        now = time.monotonic()
        times = {"at_ms": (now - self._start) * 1000, "ms": (now - begun) * 1000}
        self._number += 1
        self._tell(n=self._number, **times, **result)

    def _tell(self, **line):
        print(json.dumps(line), flush=True)
