"""A page in headless Chromium, driven over a pipe by the DevTools protocol: no package, no port."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Page", "opened"]

SECONDS = 60
# Chromium wants the pipe at 3 and 4, wherever it was made.
START = (
    "import os, sys\n"
    "into, out = (os.dup(os.dup(int(number))) for number in sys.argv[1:3])\n"
    "os.dup2(into, 3)\n"
    "os.dup2(out, 4)\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--remote-debugging-pipe",
)
KEYS = {
    "Escape": 27,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Enter": 13,
    "Tab": 9,
    "End": 35,
}
TEXTS = {"Enter": "\r"}


class Page:
    """One tab. ``requests`` are the addresses that it asked for, ``complaints`` what its console shows of errors."""

    def __init__(self, into: int, out: int) -> None:
        self._into = into
        self._out = out
        self._rest = b""
        self._number = 0
        self._session = ""
        self._events: deque[dict[str, Any]] = deque()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def call(self, method: str, **parameters: object) -> Any:
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._into, json.dumps(order).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def open(self, path: Path, part: str = "") -> None:
        """Load a page from the disk, perhaps with a part behind #, and wait until its script is done."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=path.as_uri() + part)
        self.until("document.documentElement?.dataset.ready !== undefined")

    def value(self, script: str) -> Any:
        """Return what a script gives, waited for if it is a promise."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, json.dumps(found["exceptionDetails"])[:2000]
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a script gives something true."""
        deadline = time.monotonic() + SECONDS
        while not self.value(f"!!({condition})"):
            assert time.monotonic() < deadline, f"never: {condition}"
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Press keys, one after another, and let the page paint."""
        for key in keys:
            names = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "text": TEXTS.get(key, "")}
            self.call("Input.dispatchKeyEvent", type="keyDown", **names)
            self.call("Input.dispatchKeyEvent", type="keyUp", **names)
        self.painted()

    def painted(self) -> None:
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def window(self, width: int, height: int, *, phone: bool = False, density: float = 1) -> None:
        """Give the page another size."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=density, mobile=phone
        )

    def prefer(self, **features: str) -> None:
        """Set what the user wishes of pages, such as ``prefers_color_scheme="dark"``."""
        wishes = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=wishes)

    def shot(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._out, 1 << 20)
            assert part, "Chromium ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        self._note(found.get("method", ""), found.get("params", {}))
        return found

    def _note(self, method: str, given: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(given["exceptionDetails"])[:600])
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(given["args"])[:600])


@contextlib.contextmanager
def opened(width: int = 1280, height: int = 860) -> Iterator[Page]:
    """Start Chromium with one empty page and end it again. Skips the test, with the reason, where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: the page cannot be opened")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        call = [sys.executable, "-c", START, str(theirs_in), str(theirs_out), chromium, *QUIET]
        process = subprocess.Popen(
            [*call, f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            page = Page(ours_out, ours_in)
            page.window(width, height)
            yield page
        finally:
            process.terminate()
            process.wait(20)
            os.close(ours_out)
            os.close(ours_in)
