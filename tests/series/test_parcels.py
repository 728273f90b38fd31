"""What is sent to workers: every file that pieces are made of, under the name that recipes call it by."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ganplugin import nodes
from ganplugin.errors import InputError
from ganplugin.series.parcels import READERS, Parcels
from ganplugin.series.sending import InPlace, Sending
from ganplugin.series.workshop import Job
from tests.nodes.kit import save
from tests.series.kit import SAMPLE, plan_of, setup_of
from tests.series.test_workshop import PHOTOS


def packed(plan, out: Path) -> tuple[Parcels, list]:
    parcels = Parcels(setup_of(plan, out))
    return parcels, [parcels.pack(Job("render", (piece,))) for piece in plan]


def places(parcels) -> dict[str, Path]:
    return {parcel.place: parcel.path for parcel in parcels}


def model_in(setup, node: str) -> str:
    return setup.graph.calls[node].values["model"]


def test_models_of_the_graph_last_and_builtins_stay_at_home(home, tmp_path):
    graph = {**SAMPLE, "other": {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:brushwork"}}}
    plan = plan_of(graph=graph, keep={"of": 8, "by": "scorer.onnx"})
    parcels, made = packed(plan, tmp_path)
    assert places(parcels.lasting) == {"full.onnx": home / "full.onnx", "scorer.onnx": home / "scorer.onnx"}
    assert all(parcel.lasts for parcel in parcels.lasting)
    assert [it.parcels for it in made] == [()] * 8


def test_a_model_from_elsewhere_has_the_name_that_its_recipe_has(home, tmp_path):
    (tmp_path / "far").mkdir()
    elsewhere = (home / "styles.onnx").rename(tmp_path / "far" / "styles.onnx")
    style = {"class_type": "GanPluginLoadModel", "inputs": {"model": f"{elsewhere}#wash"}}
    parcels, _ = packed(plan_of(graph={**SAMPLE, "style": style}), tmp_path)
    assert places(parcels.lasting)["styles.onnx"] == elsewhere
    assert model_in(parcels.setup, "style") == "styles.onnx#wash"


def test_models_that_pieces_choose_last_and_their_pictures_do_not(home, tmp_path):
    photo = {"Photo": {"set": "photo.path", "pictures": "photos"}}
    traits = {**photo, "Style": {"set": "style.model", "sweep": ["styles.onnx", "painting.onnx"]}}
    _, made = packed(plan_of(**{**PHOTOS, "traits": traits, "edition": 2}), tmp_path)
    assert [{parcel.place: parcel.lasts for parcel in it.parcels} for it in made] == [
        {"photos/cat.png": False, "styles.onnx": True},
        {"photos/dog.png": False, "painting.onnx": True},
    ]


def test_a_folder_of_pictures_is_sent_picture_by_picture(home, tmp_path):
    traits = {"Photos": {"set": "photo.path", "sweep": ["photos"]}}
    _, made = packed(plan_of(**{**PHOTOS, "traits": traits}), tmp_path)
    assert places(made[0].parcels) == {f"photos/{name}.png": home / f"photos/{name}.png" for name in ("cat", "dog")}
    assert made[0].job.pieces[0].changes["photo.path"] == "photos/cat.png\nphotos/dog.png"


def test_what_is_missing_is_left_for_the_worker_to_tell(home, tmp_path):
    traits = {"Photo": {"set": "photo.path", "sweep": ["photos/none.png"]}}
    _, made = packed(plan_of(**{**PHOTOS, "traits": traits}), tmp_path)
    assert made[0].parcels == ()
    assert made[0].job.pieces[0].changes["photo.path"] == "photos/none.png"


def test_two_files_of_one_name_are_refused(home, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "one.png", 4, 4)
    traits = {"Photo": {"set": "photo.path", "sweep": [str(tmp_path / folder / "one.png") for folder in ("a", "b")]}}
    with pytest.raises(InputError, match=r"both called one\.png"):
        packed(plan_of(**{**PHOTOS, "traits": traits, "edition": 2}), tmp_path / "out")


def test_lasting_files_are_put_once_and_sent_to_each_worker_once(home, tmp_path):
    plan = plan_of(**PHOTOS)
    stored: list[bytes] = []
    sending = Sending(Parcels(setup_of(plan, tmp_path)), lambda data: stored.append(data) or f"ref {len(stored)}")
    job = Job("render", (plan[0],))
    first = sending.chunk((job,), set())
    # What a worker was sent, it has when the chunk is done: the next may go out, and be there, before.
    chunks = (first, sending.chunk((job,), set()), sending.chunk((job,), first.lasting))
    sent = [{it.place: it.content for it in chunk.shipments} for chunk in chunks]
    picture = (home / "photos/cat.png").read_bytes()
    lasting = {"styles.onnx": "ref 2", "photos/cat.png": "ref 1"}
    # The first picture is named by the graph itself, and so it lasts.
    assert sent == [lasting, lasting, {}]
    assert sorted(map(len, stored)) == sorted([len(picture), (home / "styles.onnx").stat().st_size])


def test_a_picture_goes_with_every_chunk_that_needs_it(home, tmp_path):
    plan = plan_of(**PHOTOS)
    sending = Sending(Parcels(setup_of(plan, tmp_path)), lambda data: "reference")
    has = {"styles.onnx", "photos/cat.png"}
    for _ in range(2):
        (shipment,) = sending.chunk((Job("render", (plan[1],)),), has).shipments
        assert (shipment.place, shipment.content) == ("photos/dog.png", (home / "photos/dog.png").read_bytes())
        assert shipment.sha256 == ""


def test_workers_that_see_the_same_disks_are_sent_nothing(home, tmp_path):
    job = Job("render", (plan_of(**PHOTOS)[0],))
    assert InPlace().chunk((job,), set()).shipments == ()


def test_every_node_that_reads_files_is_known():
    root = Path(nodes.__file__).parent
    readers = {
        path.stem for path in root.glob("*.py") if re.search(r"folders\.(inputs|models)", path.read_text("utf-8"))
    }
    # Save Video reads the sound of a film, which outputs of a series do not have.
    assert readers - {"save_video"} == {kind.__module__.rpartition(".")[2] for kind in READERS}
    for kind, (name, _) in READERS.items():
        assert name in kind.model_fields


@pytest.mark.parametrize(
    ("node", "field", "file"),
    [("GanPluginLoadVideo", "path", "photos/film.gif"), ("LoadImage", "image", "photos/cat.png")],
)
def test_films_and_pictures_of_the_graph_last(home, tmp_path, node, field, file):
    save(home / "photos" / "film.gif", 4, 4)
    plan = plan_of(graph={"load": {"class_type": node, "inputs": {field: file}}}, traits={}, edition=1)
    parcels = Parcels(setup_of(plan, tmp_path))
    assert places(parcels.lasting) == {file: home / file}


def test_latents_of_the_graph_last(home, tmp_path):
    np.save(home / "w.npy", np.zeros((1, 4), np.float32))
    latents = {"class_type": "GanPluginLoadLatents", "inputs": {"path": "w.npy"}}
    parcels = Parcels(setup_of(plan_of(graph={**SAMPLE, "load": latents}), tmp_path))
    assert places(parcels.lasting)["w.npy"] == home / "w.npy"
