"""Run by ComfyUI's own Python, which has aiohttp: open its window in headless Chromium and evaluate scripts there.

Standard input is JSON: {"url", "chromium", "scripts": [...], "shot": path or null}. The value of each script goes to
standard output as one JSON list; the picture of the window, if asked for, is taken after the last.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

SIZE = (1500, 860)
READY = "!!(window.app && app.graph && app.vueAppReady && LiteGraph.registered_node_types.GanPluginSample)"
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
SECONDS = 90


class Page:
    """One tab, driven by the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **parameters: object) -> Any:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            answer = json.loads((await self._socket.receive()).data)
            if answer.get("id") == self._number:
                return answer.get("result", answer)

    async def value(self, script: str) -> Any:
        found = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")


async def drive(order: dict[str, Any]) -> list[Any]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        size = f"--window-size={SIZE[0]},{SIZE[1]}"
        call = [order["chromium"], *QUIET, f"--user-data-dir={profile}", size, "about:blank"]
        browser = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return await in_tab(order, port_of(Path(profile)))
        finally:
            browser.terminate()
            browser.wait(20)


def port_of(profile: Path) -> int:
    deadline = time.monotonic() + SECONDS
    file = profile / "DevToolsActivePort"
    while not file.is_file() or not file.read_text(encoding="utf-8").strip():
        if time.monotonic() > deadline:
            raise RuntimeError("Chromium did not start")
        time.sleep(0.1)
    return int(file.read_text(encoding="utf-8").splitlines()[0])


async def in_tab(order: dict[str, Any], port: int) -> list[Any]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            tabs = await answer.json()
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        async with session.ws_connect(address, max_msg_size=0) as socket:
            page = Page(socket)
            await page.call("Page.navigate", url=order["url"])
            await until_ready(page)
            values = [await page.value(script) for script in order["scripts"]]
            if order["shot"]:
                shot = await page.call("Page.captureScreenshot", format="png")
                Path(order["shot"]).write_bytes(base64.b64decode(shot["data"]))
            return values


async def until_ready(page: Page) -> None:
    deadline = time.monotonic() + SECONDS
    while not await page.value(READY):
        if time.monotonic() > deadline:
            raise RuntimeError("ComfyUI's window did not come up")
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(drive(json.load(sys.stdin)))))
