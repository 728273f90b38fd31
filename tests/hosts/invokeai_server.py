"""A real InvokeAI on loopback, with this tree's wheel beside it and our pack in its folder of packs."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.hosts.socket_io import Events
from tests.source import FOLDERS, ROOT

START_SECONDS = 240
RUN_SECONDS = 120
BUILD_FILES = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")
SETTINGS = "schema_version: 4.0.2\nhost: 127.0.0.1\nport: {port}\ndevice: cpu\nprecision: float32\n"


class Refused(Exception):  # noqa: N818 - an answer
    """The server's answer to a request that it does not take."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}: {json.dumps(body)[:500]}")
        self.status = status
        self.body = body


class Server:
    """One running InvokeAI; ``python`` is its interpreter and ``environment`` lets that import our package."""

    def __init__(self, host: Path, folder: Path) -> None:
        self.root = folder / "root"
        self.python = host / "venv" / "bin" / "python"
        self.environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(wheel_unpacked(self.python, folder))}
        (self.root / "nodes").mkdir(parents=True)
        self.ganplugin("install", "invokeai", self.root)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        (self.root / "invokeai.yaml").write_text(SETTINGS.format(port=port), encoding="utf-8")

    def ganplugin(self, *arguments: object, here: Path | None = None) -> str:
        """Run one of our commands with InvokeAI's Python and return what it prints."""
        command = [self.python, "-m", "ganplugin", *(str(argument) for argument in arguments)]
        run = subprocess.run(
            command, env=self.environment, cwd=here or self.root, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr[-2000:]
        return run.stdout

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [self.python.with_name("invokeai-web"), "--root", self.root]
        log = self.root / "server.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, env=self.environment, cwd=self.root, stdout=stream, stderr=subprocess.STDOUT
            )
        try:
            self._wait(process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=30)

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        for _ in range(START_SECONDS):
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            try:
                self.call("/api/v1/app/version")
            except (urllib.error.URLError, OSError):
                time.sleep(1)
            else:
                return
        raise AssertionError(f"InvokeAI did not start:\n{log.read_text(errors='replace')[-3000:]}")

    def call(self, path: str, data: object = None, method: str | None = None) -> Any:
        return json.loads(self._bytes(path, data, method))

    def picture(self, name: str) -> bytes:
        return self._bytes(f"/api/v1/images/i/{name}/full")

    def pixels(self, field: dict[str, str]) -> NDArray[np.uint8]:
        with Image.open(io.BytesIO(self.picture(field["image_name"]))) as image:
            return np.asarray(image)

    def enqueue(self, nodes: dict[str, dict[str, Any]], links: list[str], data: object = None) -> list[int]:
        """Queue a graph, whose links are written ``a.model b.model``, and return the items that a batch makes of it."""
        edges = [dict(zip(("source", "destination"), map(_end, link.split()), strict=True)) for link in links]
        graph = {"id": "graph", "nodes": {name: {"id": name, **node} for name, node in nodes.items()}, "edges": edges}
        batch = {"graph": graph, "runs": 1, "data": data}
        return list(self.call("/api/v1/queue/default/enqueue_batch", {"batch": batch})["item_ids"])

    def ended(self, item: int) -> dict[str, Any]:
        """Wait until a queued item has ended in any way."""
        for _ in range(RUN_SECONDS * 10):
            found = self.call(f"/api/v1/queue/default/i/{item}")
            if found["status"] in ("completed", "failed", "canceled"):
                return dict(found)
            time.sleep(0.1)
        raise AssertionError(f"item {item} has not ended")

    def idle(self) -> None:
        """Wait until nothing is being rendered."""
        for _ in range(RUN_SECONDS * 10):
            if not self.call("/api/v1/queue/default/status")["processor"]["is_processing"]:
                return
            time.sleep(0.1)
        raise AssertionError("InvokeAI goes on rendering")

    def outputs(self, item: int) -> dict[str, dict[str, Any]]:
        """Return the outputs of a completed item by the name of the node; of one that ran often, the last."""
        found = self.ended(item)
        assert found["status"] == "completed", found.get("error_message")
        names = found["session"]["prepared_source_mapping"]
        return {names[key]: value for key, value in found["session"]["results"].items()}

    @contextmanager
    def events(self) -> Iterator[Events]:
        events = Events(f"{self.address}/ws/socket.io/")
        try:
            events.emit("subscribe_queue", {"queue_id": "default"})
            yield events
        finally:
            events.close()

    def _bytes(self, path: str, data: object = None, method: str | None = None) -> bytes:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.address + path, body, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return bytes(reply.read())
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.loads(error.read() or b"{}")) from error


def _end(text: str) -> dict[str, str]:
    node, field = text.split(".")
    return {"node_id": node, "field": field}


def wheel_unpacked(python: Path, folder: Path) -> Path:
    """Build this tree's wheel and install it, alone, into a folder of its own: the host's environment stays as is."""
    copy, site = folder / "source", folder / "site"
    for source in FOLDERS.values():
        shutil.copytree(source, copy / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILD_FILES:
        shutil.copy(ROOT / name, copy / name)
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(copy)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)
    return site
