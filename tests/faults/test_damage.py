"""Files that are lost or changed after they were written: found, and made again with the very same bytes."""

from __future__ import annotations

import json
from collections import Counter

from tests.faults.killing import digests, done, entries


def test_what_a_flipped_byte_a_lost_file_and_a_stranger_come_to(here, run, write):
    write(edition=6)
    assert run("render", "tides.yaml").code == 0
    assert run("verify", "tides").code == 0
    whole = digests(here / "tides")
    pieces = here / "tides" / "pieces"
    data = bytearray((pieces / "00001.png").read_bytes())
    data[len(data) // 2] ^= 1
    (pieces / "00001.png").write_bytes(data)
    (pieces / "00003.png").unlink()
    (here / "tides" / "thumbs" / "00004.webp").unlink()
    (pieces / "mine.txt").write_text("hello")

    ended = run("verify", "tides", "--json")
    assert ended.code == 11
    found = json.loads(ended.out)
    assert (found["changed"], found["missing"]) == (["pieces/00001.png"], ["pieces/00003.png", "thumbs/00004.webp"])
    assert (found["unknown"], found["pieces"], found["right"]) == (["pieces/mine.txt"], [1, 3, 4], 9)
    assert len(done(here / "tides")) == len(entries(here / "tides")) == 6

    assert run("verify", "tides", "--mend").code == 11
    assert json.loads(run("render", "tides", "--dry-run", "--json").out)["missing"] == 3
    assert run("render", "tides").code == 11  # they are known to be damaged, and are told
    assert run("render", "tides", "--retry-failed").code == 0
    assert Counter(done(here / "tides")) == Counter([*range(6), 1, 3, 4])
    (pieces / "mine.txt").unlink()
    assert digests(here / "tides") == whole
    assert run("verify", "tides").code == 0


def test_a_mended_choice_is_not_judged_again(here, run, write):
    write(edition=5, keep={"of": 20, "by": "scorer.onnx"})
    assert run("render", "tides.yaml").code == 0
    whole = digests(here / "tides")
    damaged = done(here / "tides")[2]
    (here / "tides" / "pieces" / f"{damaged:05}.png").unlink()
    assert run("verify", "tides", "--mend").code == 11
    assert run("render", "tides", "--retry-failed").code == 0
    assert digests(here / "tides") == whole
    assert sum(entry.state == "judged" for entry in entries(here / "tides")) == 20
    assert Counter(done(here / "tides"))[damaged] == 2


def test_a_film_of_frames_with_a_changed_frame_is_damaged(here, run, write):
    nodes = {
        "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": "tiny.onnx"}},
        "walk": {"class_type": "GanPluginInterpolate", "inputs": {"model": ["model", 0], "frames": 9}},
    }
    traits = {"Keys": {"set": "walk.seeds", "seeds": "any", "count": 3}}
    write(edition=2, graph=nodes, traits=traits)
    assert run("render", "tides.yaml").code == 0
    whole = digests(here / "tides")
    assert len([path for path in whole if path.startswith("pieces/")]) == 18
    frames = here / "tides" / "pieces" / "00001"
    first, last = frames / "00000.png", frames / "00008.png"
    first.write_bytes(last.read_bytes())
    ended = run("verify", "tides", "--mend", "--json")
    assert (ended.code, json.loads(ended.out)["pieces"]) == (11, [1])
    assert run("render", "tides", "--retry-failed").code == 0
    assert digests(here / "tides") == whole
