"""Everything that is written can be made again from itself, byte for byte, or says what is missing."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from ganplugin.errors import FileError, InputError
from ganplugin.files import file_digest
from ganplugin.nodes import (
    ContactSheet,
    Context,
    Interpolate,
    LoadImages,
    LoadLatents,
    MixStyles,
    Sample,
    SaveImages,
    SaveLatents,
    SaveVideo,
    Score,
    StyleTransfer,
)
from ganplugin.nodes.again import Ingredients, differences, render_again
from ganplugin.nodes.core_nodes import LoadImage, PreviewImage, SaveImage
from ganplugin.nodes.join_images import join
from ganplugin.nodes.provenance import current_versions
from ganplugin.provenance import Provenance, parse_provenance
from ganplugin.video import read_video_text
from tests.nodes.kit import load, node, save

CONTEXT = Context(device="cpu")


def record_of(path) -> Provenance:
    return parse_provenance(read_video_text(Path(path)), where=path)


def again(path, *folders, context=CONTEXT, overwrite=False) -> Path:
    path = Path(path)
    target = path.with_name(f"{path.stem}-again{path.suffix}")
    render_again(record_of(path), target, Ingredients((path.parent, *folders)), context, overwrite=overwrite)
    return target


@pytest.fixture
def shelf(models, here):
    """A working folder with models and two photos in it."""
    for model in models.glob("*.onnx"):
        shutil.copy(model, here / model.name)
    save(here / "photos" / "cat.jpg", 11, 7)
    save(here / "photos" / "dog.png", 5, 6, channels=4, seed=2)
    return here


def images(images, **inputs):
    return SaveImages(images=images, folder="out", **inputs).run(CONTEXT).paths[-1]


def film(images, path, **inputs):
    return SaveVideo(images=images, path=path, **inputs).run(CONTEXT).path


def sample(**inputs):
    return Sample(**{"model": load("full.onnx"), "seeds": "3,5", **inputs}).run(CONTEXT)


def walk(**inputs):
    return Interpolate(**{"model": load("full.onnx"), "seeds": "3,5", "frames": 6, **inputs}).run(CONTEXT)


def photos(path="photos"):
    return LoadImages(path=path).run(CONTEXT).images


def bright(path):
    return LoadImages(path=path, mask_from="brightness").run(CONTEXT).masks


def mixed():
    latents = MixStyles(model=load("full.onnx"), a=sample().latents, b=sample(seeds="9").latents, truncation=0.7)
    return latents.run(CONTEXT).latents


def styled(model="styles.onnx", source=None, **inputs):
    return StyleTransfer(model=load(model), images=source or photos(), **inputs).run(CONTEXT).images


def from_file():
    SaveLatents(latents=mixed(), path="w.npz").run(CONTEXT)
    return LoadLatents(path="w.npz").run(CONTEXT).latents


def animated():
    """A GIF of three frames, each transparent elsewhere, as ComfyUI's node loads it."""
    shown = [Image.new("RGBA", (8, 8), (60 * number, 90, 30, 255)) for number in range(3)]
    for number, frame in enumerate(shown):
        frame.paste((0, 0, 0, 0), (0, 0, 2 + 2 * number, 8))
    shown[0].save("frames.gif", save_all=True, append_images=shown[1:], disposal=2)
    return LoadImage(image="frames.gif").run(CONTEXT)


def masked(source, mask):
    return images(styled(source=source, mask=mask))


def best_first(source):
    """Pictures in an order that their recipe does not tell."""
    return Score(model=load("scorer.onnx"), images=source).run(CONTEXT).images


def comfyui(images):
    return SaveImage(images=images, filename_prefix="out/comfy").run(CONTEXT).paths[-1]


WORKS = {
    "png": lambda: images(sample().images),
    "jpg": lambda: images(sample().images, format="jpg"),
    "webp": lambda: images(sample().images, format="webp"),
    "rgba": lambda: images(sample(model=load("alpha.onnx")).images, format="webp"),
    "options": lambda: images(sample(truncation=0.5, truncation_cutoff=2, noise="seeded").images),
    "class": lambda: images(sample(model=load("classes.onnx"), label="dog").images),
    "mix": lambda: images(sample(latents=mixed(), noise="seeded").images),
    "latents": lambda: images(sample(latents=from_file()).images),
    "frame": lambda: images(walk().images),
    "mp4": lambda: film(walk().images, "a.mp4", fps=12.5, scale=16),
    "animation": lambda: film(walk(easing="smooth", curve="circle").images, "a.webp"),
    "gif": lambda: film(walk().images, "a.gif"),
    "apng": lambda: film(walk().images, "a.png"),
    "walk of a file": lambda: film(walk(latents=from_file()).images, "a.webp"),
    "film of photos": lambda: film(styled(max_side=4, source=photos("photos/cat.jpg\nphotos/cat.jpg")), "a.webp"),
    "sheet": lambda: images(ContactSheet(images=sample().images, captions=True).run(CONTEXT).images),
    "style": lambda: images(styled(strength=0.5, preserve_color="statistics")),
    "chosen style": lambda: images(styled("styles.onnx#night")),
    "style picture": lambda: images(styled("painting.onnx", style_image=photos("photos/cat.jpg"))),
    "masked style": lambda: images(styled(mask=bright("photos/cat.jpg"))),
    "dreamt style picture": lambda: images(styled("painting.onnx", style_image=sample(seeds="8").images)),
    "styled sample": lambda: images(styled(source=sample(latents=mixed()).images)),
    "sheet of styles": lambda: images(
        ContactSheet(images=join((photos(), styled(), styled("styles.onnx#night")), CONTEXT)).run(CONTEXT).images
    ),
    "ranking": lambda: images(
        ContactSheet(images=Score(model=load("scorer.onnx"), images=photos()).run(CONTEXT).images).run(CONTEXT).images
    ),
    "shifted seeds": lambda: images(sample(seed=40).images),
    "shifted walk": lambda: film(walk(seed=40).images, "a.webp"),
    "comfyui's": lambda: comfyui(sample().images),
    "comfyui's frame": lambda: comfyui(walk().images),
    "comfyui's sheet": lambda: comfyui(ContactSheet(images=photos()).run(CONTEXT).images),
    "comfyui's preview": lambda: PreviewImage(images=styled()).run(CONTEXT).paths[-1],
    "comfyui's picture": lambda: comfyui(styled(source=LoadImage(image="photos/dog.png").run(CONTEXT).images)),
    "frame of a gif": lambda: images(animated().images),
    "film of a gif": lambda: film(animated().images, "a.webp"),
    "masks as pictures": lambda: images(LoadImages(path="photos").run(CONTEXT).masks),
    "one mask": lambda: masked(photos(), LoadImages(path="photos/dog.png").run(CONTEXT).masks),
    "a mask a picture": lambda: masked(photos(), LoadImages(path="photos/dog.png\nphotos/cat.jpg").run(CONTEXT).masks),
    "a mask a frame": lambda: masked(animated().images, animated().masks),
    "a mask a seed": lambda: masked(sample(seeds="3,5,7").images, animated().masks),
    "a mask a frame of a walk": lambda: masked(walk(frames=3).images, animated().masks),
    "masks in another order": lambda: masked(best_first(animated().images), animated().masks),
    "masks of a walk in another order": lambda: masked(best_first(walk(frames=3).images), animated().masks),
    "film with masks": lambda: film(styled(source=walk(frames=3).images, mask=animated().masks), "a.webp"),
    "best of": lambda: images(Score(model=load("scorer.onnx"), images=sample().images, keep=1).run(CONTEXT).images),
}


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
def test_again_gives_the_same_bytes(shelf, work):
    path = work()
    made = again(path)
    assert file_digest(made) == file_digest(Path(path))
    assert not differences(record_of(path), record_of(made))
    text = json.dumps(read_video_text(Path(path)))
    assert str(shelf) not in text
    assert "/tmp" not in text


@pytest.mark.parametrize("work", ["png", "mp4", "style", "ranking", "latents", "sheet of styles"])
def test_what_was_made_from_absolute_paths_is_found_beside_the_picture_or_in_inputs(
    shelf, work, monkeypatch, tmp_path_factory
):
    path = WORKS[work]()
    other = tmp_path_factory.mktemp("other")
    moved = Path(shutil.move(path, other))
    monkeypatch.chdir(other)
    with pytest.raises(FileError, match=r"is missing, and this was made from it - .*--inputs"):
        again(moved)
    assert [entry.name for entry in other.iterdir()] == [moved.name]
    for model in shelf.glob("*.onnx"):
        shutil.move(model, other)
    assert file_digest(again(moved, shelf / "photos", shelf)) == file_digest(moved)


def test_models_are_also_found_where_commands_find_them(shelf, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.move("full.onnx", elsewhere / "full.onnx")
    monkeypatch.setenv("GANPLUGIN_MODELS", str(elsewhere))
    path = WORKS["png"]()
    assert file_digest(again(path)) == file_digest(Path(path))


@pytest.mark.parametrize("name", ["we#ird.onnx", "#.onnx", "sub/a#b#c.onnx"])
def test_models_may_have_a_number_sign_in_their_name(shelf, name):
    (shelf / "sub").mkdir()
    shutil.copy("styles.onnx", name)
    for chosen in (name, f"{name}#night"):
        path = images(styled(chosen), overwrite=True)
        assert list(record_of(path).models) == [chosen]
        assert file_digest(again(path, overwrite=True)) == file_digest(Path(path))


@pytest.mark.parametrize(
    ("work", "victim"),
    [
        ("png", "full.onnx"),
        ("style", "styles.onnx"),
        ("style", "photos/dog.png"),
        ("sheet of styles", "photos/cat.jpg"),
        ("latents", "w.npz"),
        ("ranking", "scorer.onnx"),
        ("style picture", "photos/cat.jpg"),
    ],
)
def test_missing_and_changed_ingredients_are_named(shelf, work, victim):
    path = WORKS[work]()
    data = (shelf / victim).read_bytes()
    (shelf / victim).write_bytes(data + b"\0")
    with pytest.raises(InputError, match=f"{victim}: is not the file that this was made from"):
        again(path)
    (shelf / victim).unlink()
    with pytest.raises(FileError, match=f"{victim}: is missing"):
        again(path)
    assert not Path(path).with_name(f"{Path(path).stem}-again{Path(path).suffix}").exists()


def test_the_right_file_is_taken_if_another_of_its_name_is_nearer(shelf, tmp_path_factory):
    path = WORKS["style"]()
    kept = tmp_path_factory.mktemp("kept")
    shutil.move("photos/dog.png", kept)
    save(shelf / "photos" / "dog.png", seed=77)
    assert file_digest(again(path, kept)) == file_digest(Path(path))


def test_files_of_one_name_in_several_folders_are_found(shelf, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    for folder in ("a", "b"):
        save(outside / folder / "1.png", seed=ord(folder))
    joined = photos(f"{outside}/a\n{outside}/b")
    path = images(ContactSheet(images=joined).run(CONTEXT).images)
    assert str(outside) not in record_of(path).model_dump_json()
    for places in ((outside,), (outside / "a", outside / "b")):
        assert file_digest(again(path, *places, overwrite=True)) == file_digest(Path(path))


def test_a_photo_from_standard_input_is_not_kept(shelf, monkeypatch):
    data = (shelf / "photos" / "cat.jpg").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    path = images(styled(source=photos("-")))
    assert path == "out/stdin-styles.png"
    with pytest.raises(FileError, match="came through standard input and is not kept"):
        again(path)


def test_the_recorded_thread_count_is_used(shelf):
    three = Context(device="cpu", threads=3)
    made = Sample(model=load("full.onnx", three), seeds="3").run(three).images
    path = SaveImages(images=made, folder=".").run(three).paths[0]
    assert record_of(path).threads == 3
    assert file_digest(again(path)) == file_digest(Path(path))
    sheet = ContactSheet(images=join((photos(), made), three)).run(three).images
    path = SaveImages(images=sheet, folder=".").run(three).paths[0]
    assert record_of(path).threads == 3
    assert file_digest(again(path)) == file_digest(Path(path))


def test_existing_files_stay(shelf, rendered):
    path = WORKS["png"]()
    rendered.clear()
    Path("out/seed-0005-again.png").write_bytes(b"mine")
    with pytest.raises(FileError, match="exists already"):
        again(path)
    assert rendered == []
    assert again(path, overwrite=True).read_bytes() == Path(path).read_bytes()


def test_other_versions_and_providers_are_told(shelf):
    new = record_of(WORKS["png"]())
    versions = {**new.versions, "numpy": "1.0", "gone": "2.0"}
    old = new.model_copy(update={"versions": versions, "provider": "CUDAExecutionProvider"})
    assert differences(old, new) == (
        "gone 2.0 -> none",
        f"numpy 1.0 -> {dict(current_versions())['numpy']}",
        "provider CUDAExecutionProvider -> CPUExecutionProvider",
    )


def test_builtins_must_be_those_that_were_used(shelf, monkeypatch):
    from ganplugin import library

    record = record_of(WORKS["png"]())
    model = library.ModelReference(shelf / "full.onnx", "builtin:full", sha256=record.models["full.onnx"])
    text = record.model_dump_json().replace('"full.onnx"', '"builtin:full"')
    builtin = Provenance.model_validate_json(text)
    monkeypatch.setattr(library, "resolve_model", lambda name, folders=(): model)
    render_again(builtin, shelf / "a.png", Ingredients(), CONTEXT, overwrite=False)
    assert (shelf / "a.png").exists()
    changed = Provenance.model_validate_json(text.replace(record.models["full.onnx"], "0" * 64))
    with pytest.raises(InputError, match="builtin:full: has changed since this was made"):
        render_again(changed, shelf / "b.png", Ingredients(), CONTEXT, overwrite=False)


def edited(record, **changes) -> Provenance:
    return Provenance.model_validate_json(json.dumps({**record.model_dump(mode="json"), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": ["99", 0]}, "there is no node '99'"),
        ({"output": ["1", 0]}, "makes no picture number 0"),
        ({"index": 7}, "makes no picture number 7"),
        ({"models": {}}, "full.onnx: is named in the recipe without its digest"),
        ({"graph": {"2": {"class_type": "GanPluginLoadModel", "inputs": {}}}}, "without its digest"),
        ({"graph": {"2": {"class_type": "GanPluginLoadImages", "inputs": {"path": "/etc/passwd"}}}}, "/etc/passwd"),
        ({"graph": {"2": {"class_type": "LoadImage", "inputs": {"image": "/etc/passwd"}}}}, "/etc/passwd"),
        ({"graph": {"2": {"class_type": "LoadImage", "inputs": {"image": ["2", 0]}}}}, "without its digest"),
        ({"graph": {"2": {"class_type": "GanPluginLoadLatents", "inputs": {"path": ["2", 0]}}}}, "without its digest"),
        ({"graph": {"2": {"class_type": "Nothing", "inputs": {}}}}, "node 2"),
    ],
)
def test_broken_recipes_are_refused(shelf, changes, message):
    record = edited(record_of(WORKS["png"]()), **changes)
    with pytest.raises(InputError) as refused:
        render_again(record, shelf / "b.png", Ingredients(), CONTEXT, overwrite=False)
    assert message in str(refused.value)
    assert not (shelf / "b.png").exists()


@pytest.mark.parametrize("writer", ["SaveImages", "SaveLatents", "SaveVideo", "SaveImage", "PreviewImage"])
@pytest.mark.parametrize("hidden", [True, False])
def test_a_stranger_s_recipe_writes_no_files(shelf, writer, hidden):
    record = record_of(WORKS["png"]())
    graph = record.model_dump(mode="json")["graph"]
    if writer == "SaveLatents":
        inputs = {"latents": ["2", 1], "path": "evil.npz", "overwrite": True}
    else:
        inputs = {"images": ["2", 0]}
        names = {"SaveImages": {"folder": "evil"}, "SaveVideo": {"path": "evil.webp"}}
        inputs |= names.get(writer, {"filename_prefix": "evil"} if writer == "SaveImage" else {})
    graph["8"] = node(writer, **inputs)
    graph["9"] = {"class_type": "GanPluginSample", "inputs": {"model": ["1", 0], "label": ["8", 0]}}
    if writer == "SaveVideo" and not hidden:
        stranger = edited(record, graph=graph, output=["8", 0])
        render_again(stranger, shelf / "b.webp", Ingredients(), CONTEXT, overwrite=False)
    else:
        stranger = edited(record, graph=graph, output=["9" if hidden else "8", 0])
        with pytest.raises(InputError, match="node 8 of its recipe: would write other files"):
            render_again(stranger, shelf / "b.png", Ingredients(), CONTEXT, overwrite=False)
    assert not list(shelf.glob("evil*"))
    assert not (shelf / "temp").exists()
