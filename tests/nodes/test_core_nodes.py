"""ComfyUI's own nodes give what ComfyUI gives: its formulas are written here once more, from its documentation."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, ImageSequence
from PIL.PngImagePlugin import PngInfo

from ganplugin.errors import Cancelled, FileError, ImageError, InputError
from ganplugin.images import read_text
from ganplugin.nodes import Context, LoadImages, Sample, SaveImages
from ganplugin.nodes.context import Folders
from ganplugin.nodes.core_nodes import Levels, LoadImage, PreviewImage, SaveImage
from ganplugin.nodes.values import Masks
from tests.nodes.kit import as_levels, load, noise, save, sequence


def as_comfyui_loads(path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Load a picture by ComfyUI's rules: RGB of every frame of the first one's size, 1 minus alpha."""
    pictures, masks = [], []
    with Image.open(path) as image:
        for stored in ImageSequence.Iterator(image):
            frame = ImageOps.exif_transpose(stored)
            if frame.mode == "I":
                frame = frame.point(lambda level: level * (1 / 255))
            rgb = np.array(frame.convert("RGB")).astype(np.float32) / np.float32(255)
            if pictures and rgb.shape != pictures[0].shape:
                continue
            if "A" in frame.getbands():
                mask = 1 - np.array(frame.getchannel("A")).astype(np.float32) / np.float32(255)
            elif frame.mode == "P" and "transparency" in frame.info:
                mask = 1 - np.array(frame.convert("RGBA").getchannel("A")).astype(np.float32) / np.float32(255)
            else:
                mask = np.zeros((64, 64), np.float32)
            pictures.append(rgb)
            masks.append(mask)
        if image.format == "MPO":
            return pictures[:1], masks[:1]
    return pictures, masks


def photo(kind: str, path: Path) -> Path:
    """Write one picture of each sort that ComfyUI's rules tell apart."""
    rgba = Image.fromarray(np.rint(noise(6, 9, 4) * 255).astype(np.uint8))
    rgb = rgba.convert("RGB")
    exif = Image.Exif()
    if kind.startswith("turned"):
        exif[0x0112] = int(kind[-1])
        rgba.save(path, exif=exif)
    elif kind == "palette":
        rgb.quantize(16).save(path)
    elif kind == "palette with a transparent colour":
        rgb.quantize(16).save(path, transparency=3)
    elif kind == "palette with alphas":
        rgb.quantize(4).save(path, transparency=bytes([0, 90, 200, 255]))
    elif kind == "a transparent colour":
        rgb.save(path, transparency=rgb.getpixel((2, 2)))
    elif kind == "16 bit grey":
        Image.fromarray((noise(6, 9)[..., 0] * 65535).astype(np.uint16)).save(path)
    elif kind == "32 bit grey":
        levels = Image.fromarray((noise(6, 9)[..., 0] * 65535).astype(np.int32))
        levels.save(path.with_suffix(".tif"))
        return path.with_suffix(".tif")
    elif kind == "profile":
        from PIL import ImageCms

        rgb.save(path, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes())
    else:
        rgba.convert(kind).save(path.with_suffix(".tif") if kind == "CMYK" else path)
        return path.with_suffix(".tif") if kind == "CMYK" else path
    return path


KINDS = [
    "RGB",
    "RGBA",
    "L",
    "LA",
    "1",
    "CMYK",
    *(f"turned {turn}" for turn in range(1, 9)),
    "palette",
    "palette with a transparent colour",
    "palette with alphas",
    "a transparent colour",
    "16 bit grey",
    "32 bit grey",
    "profile",
]


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_loaded_as_comfyui_loads_it(here, context, kind):
    path = photo(kind, here / "a.png")
    out = LoadImage(image=str(path)).run(context)
    pictures, masks = as_comfyui_loads(path)
    assert len(out.images) == len(out.masks) == 1
    assert out.images[0].dtype == np.float32
    assert np.array_equal(out.images[0], pictures[0])
    assert np.array_equal(out.masks[0][..., 0], masks[0])
    assert isinstance(out.masks, Masks)


@pytest.mark.parametrize("kind", ["RGB", "L", "16 bit grey", "palette", "a transparent colour"])
def test_a_picture_without_alpha_has_a_small_mask_of_0(here, context, kind):
    out = LoadImage(image=str(photo(kind, here / "a.png"))).run(context)
    assert out.masks[0].shape == (64, 64, 1)
    assert not out.masks[0].any()


def test_the_mask_is_1_where_the_picture_is_transparent(here, context):
    levels = np.full((2, 2, 4), 255, np.uint8)
    levels[0, 0, 3], levels[0, 1, 3] = 0, 51
    Image.fromarray(levels).save("a.png")
    mask = LoadImage(image="a.png").run(context).masks[0][..., 0]
    assert np.allclose(mask, [[1, 0.8], [0, 0]])


def frames(count, size=(8, 6)):
    return [Image.fromarray(np.rint(noise(size[1], size[0], seed=n) * 255).astype(np.uint8)) for n in range(count)]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_every_frame_of_an_animation_is_a_picture(here, context, suffix):
    first, *rest = frames(4)
    path = here / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    first.save(path, save_all=True, append_images=rest, **options)
    out = LoadImage(image=path.name).run(context)
    pictures, masks = as_comfyui_loads(path)
    assert len(out.images) == len(pictures) == 4
    assert np.array_equal(out.images.batch(), np.stack(pictures))
    assert np.array_equal(out.masks.batch()[..., 0], np.stack(masks))
    assert out.images[2].tobytes() == pictures[2].tobytes()
    assert [origin.index for origin in out.images.origins()] == [0, 1, 2, 3]


def test_frames_of_a_gif_keep_their_transparency(here, context):
    shown = [Image.new("RGBA", (8, 8), (200, 30 * n, 0, 255)) for n in range(3)]
    for number, frame in enumerate(shown):
        frame.paste((0, 0, 0, 0), (number, number, number + 4, number + 4))
    shown[0].save("a.gif", save_all=True, append_images=shown[1:], disposal=2)
    out = LoadImage(image="a.gif").run(context)
    pictures, masks = as_comfyui_loads("a.gif")
    assert len(out.images) == 3
    assert all(np.array_equal(*pair) for pair in zip(out.images, pictures, strict=True))
    assert all(np.array_equal(mask[..., 0], other) for mask, other in zip(out.masks, masks, strict=True))
    assert out.masks[0].max() == 1


def test_pages_of_another_size_are_left_out(here, context):
    first, second, third = (frames(1, size)[0] for size in ((8, 6), (4, 4), (8, 6)))
    first.save("a.tif", save_all=True, append_images=[second, third])
    out = LoadImage(image="a.tif").run(context)
    assert np.array_equal(out.images.batch(), np.stack(as_comfyui_loads("a.tif")[0]))
    assert len(out.images) == 2


def test_of_a_camera_s_double_picture_the_first_is_taken(here, context):
    first, second = frames(2)
    first.save("a.jpg", "MPO", save_all=True, append_images=[second])
    with Image.open("a.jpg") as image:
        assert image.format == "MPO"
    out = LoadImage(image="a.jpg").run(context)
    assert len(out.images) == 1
    assert np.array_equal(out.images[0], as_comfyui_loads("a.jpg")[0][0])


def test_an_animation_may_not_fill_the_memory(here, context, monkeypatch):
    first, *rest = frames(4)
    first.save("a.gif", save_all=True, append_images=rest)
    from ganplugin import images

    monkeypatch.setattr(images, "MAX_PIXELS", 4 * 8 * 6)
    assert len(LoadImage(image="a.gif").run(context).images) == 4
    monkeypatch.setattr(images, "MAX_PIXELS", 4 * 8 * 6 - 1)
    with pytest.raises(ImageError, match=r"a\.gif: has more than .* million pixels"):
        LoadImage(image="a.gif").run(context)


def test_pictures_are_looked_for_in_the_input_folders_first(here, context, tmp_path_factory):
    other = tmp_path_factory.mktemp("input")
    save(here / "a.png", seed=1)
    save(other / "a.png", seed=2)
    save(other / "sub" / "b.png", seed=3)
    hosted = replace(context, folders=Folders(inputs=(here / "none", other)))
    for name, seed in (("a.png", 2), ("a.png [input]", 2), ("sub/b.png", 3), (str(here / "a.png"), 1)):
        out = LoadImage(image=name).run(hosted).images
        assert np.array_equal(out[0], noise(6, 9, seed=seed)), name
        assert str(other) not in repr(out.recipe)
    assert dict(LoadImage(image="sub/b.png").run(hosted).images.recipe.inputs) == {"image": "sub/b.png"}
    assert dict(LoadImage(image="a.png [input]").run(hosted).images.recipe.inputs) == {"image": "a.png"}
    assert np.array_equal(LoadImage(image="a.png").run(context).images[0], noise(6, 9, seed=1))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("none.png", FileError, "none.png: no such picture - name its folder with --inputs FOLDER"),
        (".", FileError, "no such picture"),
        ("x" * 5000, FileError, "name too long"),
        ("a\0b", FileError, "no such picture"),
        ("text.png", ImageError, "text.png: is not a picture"),
        ("cut.png", ImageError, "cut.png: is damaged or cut short"),
    ],
)
def test_what_cannot_be_loaded_is_refused_before_anything_is_rendered(here, context, name, error, message):
    (here / "text.png").write_text("x")
    data = save(here / "cut.png").read_bytes()
    (here / "cut.png").write_bytes(data[: len(data) // 2])
    hosted = replace(context, folders=Folders(inputs=(here,)))
    for place in (context, hosted):
        with pytest.raises(error) as refused:
            LoadImage(image=name).run(place)
        assert message in str(refused.value)


@given(st.lists(st.floats(-0.5, 1.5, width=32), min_size=1, max_size=50))
def test_levels_are_those_that_comfyui_saves(values):
    picture = np.array(values, np.float32).reshape(1, -1, 1)
    (shown,) = Levels(images=sequence([picture])).run(Context()).images
    expected = np.clip(255.0 * picture, 0, 255).astype(np.uint8)
    assert np.array_equal(np.rint(shown * 255).astype(np.uint8), expected)


def test_levels_go_down_not_to_the_nearest():
    picture = np.array([[[0.999], [127.9 / 255], [128 / 255]]], np.float32)
    (shown,) = Levels(images=sequence([picture])).run(Context()).images
    assert np.rint(shown * 255)[0, :, 0].tolist() == [254, 127, 128]


def test_pictures_that_are_not_finite_are_refused(here, context):
    broken = np.full((2, 2, 3), np.nan, np.float32)
    with pytest.raises(ImageError, match="the picture holds NaN values"):
        SaveImage(images=sequence([broken])).run(context)
    assert list(here.iterdir()) == []


def test_levels_are_brought_to_pictures_as_they_are_looked_at(models, context, rendered):
    images = Sample(model=load(models / "full.onnx"), seeds="0-99").run(context).images
    shown = Levels(images=images).run(context).images
    assert len(shown) == 100
    assert rendered == []
    assert shown[7].shape == (8, 8, 3)
    assert rendered == [1]
    assert shown.origin(7).seed == 7


def hosted(folder="out") -> Context:
    return Context(device="cpu", folders=Folders(outputs=Path(folder)), text={"prompt": "{}", "workflow": "[]"})


def written(folder="out") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def test_pictures_are_saved_as_comfyui_saves_them(here):
    pictures = [noise(5, 4, channels, seed=channels) * 0.999 for channels in (1, 3, 4)]
    paths = SaveImage(images=sequence(pictures)).run(hosted()).paths
    assert paths == tuple(f"out/ComfyUI_0000{n}_.png" for n in (1, 2, 3))
    for path, picture in zip(paths, pictures, strict=True):
        expected = np.clip(np.float32(255) * picture, 0, 255).astype(np.uint8)
        assert np.array_equal(np.atleast_3d(as_levels(Path(path))), expected)
        text = read_text(Path(path))
        assert (text["prompt"], text["workflow"]) == ("{}", "[]")
        assert json.loads(text["ganplugin"])["graph"]


def test_a_png_of_comfyui_s_keeps_its_text_where_pillow_reads_it(here):
    info = PngInfo()
    info.add_text("prompt", '{"1": 2}')
    Image.new("RGB", (2, 2)).save("theirs.png", pnginfo=info)
    context = replace(hosted(), text={"prompt": '{"1": 2}'})
    path = SaveImage(images=sequence([noise(2, 2)])).run(context).paths[0]
    with Image.open("theirs.png") as theirs, Image.open(path) as ours:
        assert theirs.info["prompt"] == ours.info["prompt"]


def test_numbers_go_on_behind_the_highest(here):
    names = ["a_00003_.png", "a_00041_.jpg", "a_2_x.txt", "b_00099_.png", "a_500.png", "a_600x_.png", "xa_700_.png"]
    for name in names:
        save(here / "out" / "x.png").rename(here / "out" / name)
    assert SaveImage(images=sequence([noise(2, 2)] * 2), filename_prefix="a").run(hosted()).paths == (
        "out/a_00042_.png",
        "out/a_00043_.png",
    )
    assert SaveImage(images=sequence([noise(2, 2)]), filename_prefix="A").run(hosted()).paths == ("out/A_00044_.png",)


def test_marks_in_the_prefix_are_filled_in(here, monkeypatch):
    moment = time.struct_time((2026, 3, 4, 5, 6, 7, 0, 1, 0))
    monkeypatch.setattr(time, "strftime", lambda form, given=moment: _strftime(form, given))
    pictures = sequence([noise(5, 4), noise(5, 4)])
    prefix = "%year%-%month%-%day%/%hour%.%minute%.%second%_%width%x%height%_%batch_num%_100%_%what%"
    paths = SaveImage(images=pictures, filename_prefix=prefix).run(hosted()).paths
    assert paths == (
        "out/2026-03-04/05.06.07_4x5_0_100%_%what%_00001_.png",
        "out/2026-03-04/05.06.07_4x5_1_100%_%what%_00002_.png",
    )


_strftime = time.strftime


def test_batch_numbers_do_not_bring_files_in_each_other_s_way(here):
    made = SaveImage(images=sequence([noise(2, 2)] * 2), filename_prefix="a_%batch_num%")
    assert made.run(hosted()).paths == ("out/a_0_00001_.png", "out/a_1_00002_.png")
    assert made.run(hosted()).paths == ("out/a_0_00003_.png", "out/a_1_00004_.png")


@pytest.mark.parametrize(
    ("prefix", "path"),
    [("a/b/c", "a/b/c_00001_.png"), ("a\\b", "a/b_00001_.png"), ("./a", "a_00001_.png"), ("a/", "a_00001_.png")],
)
def test_a_prefix_may_hold_folders(here, prefix, path):
    SaveImage(images=sequence([noise(2, 2)]), filename_prefix=prefix).run(hosted())
    assert written() == [path]


@pytest.mark.parametrize("prefix", ["../a", "/tmp/a", "a/../../b", "..", "a/..", "C:\\a", "a\0", "con/a", "x" * 300])
def test_prefixes_that_lead_outside_or_are_no_names_are_refused(models, here, rendered, prefix):
    images = Sample(model=load(models / "full.onnx"), seeds="1").run(hosted()).images
    made = SaveImage(images=images, filename_prefix=prefix)
    for refused in (made.destinations, made.run):
        with pytest.raises(InputError):
            refused(hosted())
    assert rendered == []
    assert list(here.iterdir()) == []


def test_a_picture_is_rendered_once_unless_its_size_is_asked_for(models, here, rendered):
    images = Sample(model=load(models / "full.onnx"), seeds="1").run(hosted()).images
    SaveImage(images=images).run(hosted())
    assert rendered == [1]


def test_no_pictures_are_no_files(here):
    assert SaveImage(images=sequence([])).run(hosted()).paths == ()
    assert list(here.iterdir()) == []


def test_previews_go_to_a_folder_of_their_own(here):
    made = PreviewImage(images=sequence([noise(2, 2)]))
    assert made.run(hosted()).paths == ("out/temp/preview_00001_.png",)
    assert made.run(hosted()).paths == ("out/temp/preview_00002_.png",)
    assert made.destinations(hosted()) == ()


def test_stopping_keeps_whole_files(here):
    asked: list[int] = []
    stopping = replace(hosted(), cancelled=lambda: len(asked) >= 2 or asked.append(1) is not None)
    with pytest.raises(Cancelled):
        SaveImage(images=sequence([noise(2, 2)] * 5)).run(stopping)
    assert written() == ["ComfyUI_00001_.png", "ComfyUI_00002_.png"]


def test_what_comfyui_saved_is_what_our_own_node_loads(here, context):
    SaveImage(images=sequence([noise(4, 4)])).run(hosted())
    ours = LoadImages(path="out/ComfyUI_00001_.png").run(context).images[0]
    assert np.array_equal(ours, noise(4, 4))
    assert np.array_equal(LoadImage(image="out/ComfyUI_00001_.png").run(context).images[0], ours)
    assert SaveImages(images=sequence([ours])).run(context)
