"""Run by ComfyUI's own Python, which has aiohttp: queue the graph on standard input and tell what happened as JSON."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import uuid
from typing import Any

import aiohttp

TEXT_EVENT = 3


async def drive(url: str, prompt: dict[str, Any], *, interrupt: bool) -> dict[str, Any]:
    client = uuid.uuid4().hex
    told: dict[str, Any] = {"events": [], "outputs": {}, "previews": 0, "texts": [], "answer": None}
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws?clientId={client}") as socket:
        async with session.post(f"{url}/prompt", json={"prompt": prompt, "client_id": client}) as answer:
            told["answer"] = await answer.json()
        if answer.status != 200:
            return told
        async for message in socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                binary(message.data, told)
                continue
            event = json.loads(message.data)
            note(event, told)
            if interrupt and event["type"] == "progress":
                interrupt = False
                await session.post(f"{url}/interrupt")
            if over(event):
                return told
    return told


def binary(data: bytes, told: dict[str, Any]) -> None:
    (kind,) = struct.unpack_from(">I", data)
    if kind == TEXT_EVENT:
        (length,) = struct.unpack_from(">I", data, 4)
        told["texts"].append([data[8 : 8 + length].decode(), data[8 + length :].decode()])
    else:
        told["previews"] += 1


def note(event: dict[str, Any], told: dict[str, Any]) -> None:
    kind, data = event["type"], event["data"]
    told["events"].append(kind)
    if kind == "executed":
        told["outputs"][data["node"]] = data["output"]
    if kind == "execution_cached":
        told["cached"] = data["nodes"]
    if kind in ("execution_error", "execution_interrupted"):
        told[kind] = data


def over(event: dict[str, Any]) -> bool:
    ended = event["type"] == "executing" and event["data"]["node"] is None
    return ended or event["type"] in ("execution_error", "execution_interrupted")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(drive(sys.argv[1], json.load(sys.stdin), interrupt="--interrupt" in sys.argv[2:]))))
