"""A real ComfyUI server on loopback, in a folder of its own, with our nodes installed by our own command."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.environments import made
from tests.source import ROOT

DRIVER = Path(__file__).with_name("in_comfyui.py")
READY = "To see the GUI go to"
_START_SECONDS = 180
_RUN_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running server: its address, its folder of inputs and outputs, and the folder of its environment."""

    url: str
    base: Path
    host: Path

    @property
    def python(self) -> Path:
        return self.host / "venv" / "bin" / "python"

    @property
    def log(self) -> str:
        return (self.base / "log.txt").read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def fetch(self, entry: dict[str, str]) -> bytes:
        query = "&".join(f"{key}={value}" for key, value in entry.items())
        with urllib.request.urlopen(f"{self.url}/view?{query}") as answer:
            return bytes(answer.read())

    def run(self, prompt: dict[str, Any], *, interrupt: bool = False) -> dict[str, Any]:
        """Queue a graph over a websocket and return the events, the outputs by node, and how many previews came.

        With ``interrupt`` the first progress of a node is answered with the button that stops.
        """
        call = [str(self.python), str(DRIVER), self.url, *(["--interrupt"] if interrupt else [])]
        done = subprocess.run(
            call, input=json.dumps(prompt), capture_output=True, text=True, timeout=_RUN_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr + self.log[-3000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def window(self, *scripts: str, shot: Path | None = None) -> list[Any]:
        """Open the window in headless Chromium, evaluate scripts in it, and perhaps take a picture of it.

        Skips the test, with the reason, only where there is no Chromium.
        """
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if chromium is None:
            pytest.skip("no Chromium here: the window cannot be opened")
        order = {"url": self.url, "chromium": chromium, "scripts": scripts, "shot": shot and str(shot)}
        call = [str(self.python), str(DRIVER.with_name("in_chromium.py"))]
        done = subprocess.run(
            call, input=json.dumps(order), capture_output=True, text=True, timeout=_RUN_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        values: list[Any] = json.loads(done.stdout)
        return values

    def headless(self, *arguments: str, cwd: Path) -> str:
        """Run ``ganplugin`` in the server's own environment, so that all versions are the same."""
        call = [str(self.python.with_name("ganplugin")), *arguments]
        done = subprocess.run(call, cwd=cwd, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def prepared() -> Path:
    """Return the folder of ComfyUI's environment, with this checkout installed in it."""
    host = made("comfyui")
    pip = [str(host / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--editable", f"{ROOT}[cpu,video]"], check=True, capture_output=True)
    return host


@contextlib.contextmanager
def started(host: Path, base: Path) -> Iterator[Server]:
    """Start ComfyUI on a free port over the folders in ``base`` and stop it again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(f"http://127.0.0.1:{port}", base, host)
    options = ["--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)]
    quiet = ["--disable-api-nodes", "--database-url", "sqlite:///:memory:"]
    with (base / "log.txt").open("wb") as log:
        call = [str(server.python), "main.py", *options, *quiet]
        process = subprocess.Popen(call, cwd=host / "app", stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while READY not in server.log:
        assert process.poll() is None, server.log[-3000:]
        assert time.monotonic() < deadline, server.log[-3000:]
        time.sleep(0.2)


def folders(base: Path, photo: Path) -> Path:
    """Make the folders of a server, with a photo under the name of the one that ComfyUI comes with."""
    from PIL import Image

    for name in ("custom_nodes", "input", "output", "temp", "user", "models/ganplugin"):
        (base / name).mkdir(parents=True)
    with Image.open(photo) as image:
        image.convert("RGB").resize((160, 120)).save(base / "input" / "example.png")
    shutil.copy(ROOT / "ganplugin" / "builtin" / "icons.onnx", base / "models" / "ganplugin" / "mine.onnx")
    return base
