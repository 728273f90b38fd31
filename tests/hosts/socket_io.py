"""Events of a Socket.IO server over plain HTTP (Engine.IO 4, long polling), with the standard library alone."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.request
from typing import Any

SEPARATOR = "\x1e"
PING, PONG, CONNECT, EVENT = "2", "3", "40", "42"


class Events:
    """Listens from when it is made until it is closed; ``seen`` holds pairs of a name and its data, in order."""

    def __init__(self, address: str) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self._address = f"{address}?EIO=4&transport=polling"
        self._closed = False
        opened = json.loads(self._get()[1:])
        self._address += f"&sid={opened['sid']}"
        self._post(CONNECT)
        assert self._get().startswith(CONNECT)
        threading.Thread(target=self._listen, daemon=True).start()

    def emit(self, name: str, data: dict[str, Any]) -> None:
        self._post(EVENT + json.dumps([name, data]))

    def named(self, name: str) -> list[dict[str, Any]]:
        return [data for found, data in list(self.seen) if found == name]

    def close(self) -> None:
        # The listener ends with its last request: within the server's interval between pings.
        self._closed = True

    def _listen(self) -> None:
        while not self._closed:
            try:
                packets = self._get().split(SEPARATOR)
            except (OSError, http.client.HTTPException):  # the server is gone
                return
            for packet in packets:
                if packet == PING:
                    self._post(PONG)
                elif packet.startswith(EVENT):
                    name, data = json.loads(packet[len(EVENT) :])
                    self.seen.append((name, data))

    def _get(self) -> str:
        with urllib.request.urlopen(self._address, timeout=60) as reply:
            return reply.read().decode()

    def _post(self, text: str) -> None:
        request = urllib.request.Request(self._address, text.encode(), {"content-type": "text/plain"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            reply.read()
