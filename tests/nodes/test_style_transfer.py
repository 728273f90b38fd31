from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes import Context, Images, LoadImages, Sample, StyleTransfer
from ganplugin.nodes.context import SilentReporter
from ganplugin.nodes.style_transfer import parse_style_weights
from ganplugin.nodes.values import Masks
from ganplugin.sizing import resize
from tests.nodes.kit import load, noise, save, sequence
from tests.tiny_models import tiny_upscaler

SIZES = [(1, 1), (3, 257), (257, 3), (5, 7), (8, 8), (64, 33)]


def paint(model, context, *pictures, **inputs):
    return list(StyleTransfer(model=model, images=sequence(pictures), **inputs).run(context).images)


@pytest.mark.parametrize("model", ["styles.onnx", "painting.onnx"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size_comes_back_at_its_size_and_strength_0_is_the_picture(models, context, model, height, width):
    photo = noise(height, width)
    style = sequence([noise(4, 4)]) if model == "painting.onnx" else None
    untouched = paint(load(models / model), context, photo, strength=0.0, style_image=style)[0]
    assert untouched.dtype == np.float32
    assert np.abs(untouched - photo).max() < 0.5 / 255
    full = paint(load(models / model), context, photo, style_image=style)[0]
    assert full.shape == photo.shape
    assert np.abs(full - photo).max() > 1 / 255


@pytest.mark.parametrize("model", ["styles.onnx", "painting.onnx"])
def test_strength_is_a_share_of_the_change(models, context, model):
    photo = noise(12, 12) * 0.5 + 0.25
    style = sequence([noise(4, 4)]) if model == "painting.onnx" else None
    half, full = (
        paint(load(models / model), context, photo, strength=strength, style_image=style)[0] for strength in (0.5, 1.0)
    )
    assert np.allclose(half, (photo + full) / 2, atol=1e-5)


def test_alpha_is_kept_and_grey_is_painted_in_colour(models, context):
    model = load(models / "styles.onnx")
    photo, grey = noise(9, 6, 4), noise(9, 6, 1)
    painted, coloured = paint(model, context, photo, grey)
    assert np.array_equal(painted[..., 3], photo[..., 3])
    assert np.array_equal(painted[..., :3], paint(model, context, photo[..., :3])[0])
    assert np.array_equal(coloured, paint(model, context, np.repeat(grey, 3, axis=2))[0])


def test_an_upscaler_enlarges_picture_and_alpha_alike(models, context):
    model, photo = load(models / "upscaler.onnx"), noise(5, 7, 4)
    painted, grey = paint(model, context, photo, noise(5, 7, 1))
    assert painted.shape == (15, 21, 4)
    assert grey.shape == (15, 21, 3)
    assert np.array_equal(painted[..., :3], 1 - photo[..., :3].repeat(3, axis=0).repeat(3, axis=1))
    assert np.array_equal(painted[..., 3:], resize(photo[..., 3:], 21, 15))


def test_strength_of_an_upscaler_runs_from_the_enlarged_picture_to_its_own(models, context):
    model, photo = load(models / "upscaler.onnx"), noise(6, 6)
    untouched, quarter, full = (paint(model, context, photo, strength=share)[0] for share in (0.0, 0.25, 1.0))
    plain = resize(photo, 18, 18)
    assert np.allclose(untouched, plain, atol=1e-6)
    assert np.allclose(quarter, plain + 0.25 * (full - plain), atol=1e-6)
    assert np.array_equal(full, 1 - photo.repeat(3, axis=0).repeat(3, axis=1))


def test_an_upscaler_keeps_the_colours_of_the_enlarged_picture(models, context):
    photo = noise(8, 8) * np.array([1, 0.3, 0.6], np.float32)
    kept = paint(load(models / "upscaler.onnx"), context, photo, preserve_color="statistics")[0]
    assert kept.shape == (24, 24, 3)
    assert np.abs(kept.mean(axis=(0, 1)) - photo.mean(axis=(0, 1))).max() < 0.03


@pytest.mark.parametrize("channels", ["L", "RGBA"])
def test_pictures_of_a_network_in_other_channels_become_rgb_with_the_picture_s_alpha(tmp_path, context, channels):
    model, photo = load(tiny_upscaler(tmp_path / "grey.onnx", channels=channels)), noise(4, 4, 4)
    full, half = (paint(model, context, photo, strength=share)[0] for share in (1.0, 0.5))
    red = 1 - photo[..., 0].repeat(2, axis=0).repeat(2, axis=1)
    assert full.shape == half.shape == (8, 8, 4)
    assert np.array_equal(full[..., 0], red)
    assert np.array_equal(full[..., 3:], resize(photo[..., 3:], 8, 8))


def test_max_side_shrinks_large_pictures_only(models, context):
    painted = paint(load(models / "styles.onnx"), context, noise(40, 20), noise(10, 5), noise(1, 90), max_side=16)
    assert [picture.shape for picture in painted] == [(16, 8, 3), (10, 5, 3), (1, 16, 3)]


def test_styles_are_chosen_by_name_and_blended(models, context):
    photo = noise(8, 8)
    path = models / "styles.onnx"
    wave, night = (paint(load(f"{path}#{style}"), context, photo)[0] for style in ("wave", "night"))
    assert not np.allclose(wave, night)
    assert np.array_equal(wave, paint(load(path), context, photo)[0])
    assert np.array_equal(night, paint(load(path), context, photo, styles="night")[0])
    assert np.array_equal(night, paint(load(f"{path}#wave"), context, photo, styles="night=1")[0])
    blend = paint(load(path), context, photo, styles=" wave=0.5 , night = 0.5 ")[0]
    assert np.allclose(blend, (wave + night) / 2, atol=1e-5)


def test_preserving_colour(models, context):
    model = load(models / "styles.onnx")
    photo = noise(16, 16) * np.array([1, 0.3, 0.6], np.float32)
    plain = paint(model, context, photo)[0]
    ways = {
        way: paint(model, context, photo, preserve_color=way)[0] for way in ("luminance", "statistics", "histogram")
    }
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    assert np.allclose(ways["luminance"] @ luma, plain @ luma, atol=1e-4)
    mean = photo.mean(axis=(0, 1))
    for way in ("statistics", "histogram"):
        assert np.abs(ways[way].mean(axis=(0, 1)) - mean).max() < np.abs(plain.mean(axis=(0, 1)) - mean).max()
        assert np.abs(ways[way].mean(axis=(0, 1)) - mean).max() < 0.03
    assert np.array_equal(plain, paint(model, context, photo, preserve_color="off")[0])


def test_a_style_picture_is_used_in_any_size_and_colour_mode(models, context):
    model, photo = load(models / "painting.onnx"), noise(6, 6)
    red = np.zeros((3, 5, 3), np.float32) + np.array([1, 0, 0], np.float32)
    painted = paint(model, context, photo, style_image=sequence([red]))[0]
    assert np.allclose(painted, (photo + red[0, 0]) / 2, atol=1e-5)
    grey = paint(model, context, photo, style_image=sequence([noise(2, 2, 1) * 0]))[0]
    assert np.allclose(grey, photo / 2, atol=1e-5)


def test_pictures_are_painted_when_they_are_looked_at(models, here, context):
    looked: list[int] = []

    def render(start, stop):
        looked.extend(range(start, stop))
        return [noise(4, 4)] * (stop - start)

    source = sequence([])
    source = Images(1000, render, lambda index: source.origin(index), source.recipe, 8)
    painted = StyleTransfer(model=load(models / "styles.onnx"), images=source).run(context).images
    assert len(painted) == 1000
    assert looked == []
    assert painted[700].shape == (4, 4, 3)
    assert looked == [700]


def test_cancelling_stops_between_pictures(models):
    context = Context(device="cpu", cancelled=lambda: True)
    with pytest.raises(Cancelled):
        paint(load(models / "styles.onnx"), context, noise(4, 4))


def test_the_camera_s_rotation_is_honoured(models, here, context):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    save(here / "turned.png", 6, 9, exif=exif)
    save(here / "plain.png", 6, 9)
    model = load(models / "styles.onnx")
    turned, plain = (
        StyleTransfer(model=model, images=LoadImages(path=name).run(context).images, strength=0.0).run(context).images
        for name in ("turned.png", "plain.png")
    )
    assert turned[0].shape == (9, 6, 3)
    assert np.array_equal(turned[0], np.rot90(plain[0], -1))


def test_origins_name_the_style_and_every_ingredient(models, here, context):
    save(here / "photo.png")
    save(here / "art.png", seed=1)
    photo, art = (LoadImages(path=f"{name}.png").run(context).images for name in ("photo", "art"))
    styles, painting = load(models / "styles.onnx"), load(models / "painting.onnx")
    night = StyleTransfer(model=load(f"{models / 'styles.onnx'}#night"), images=photo).run(context).images.origin(0)
    assert night.name == "photo-night"
    assert list(night.models) == ["styles.onnx#night"]
    both = StyleTransfer(model=styles, images=photo, styles="wave,night=2").run(context).images.origin(0)
    assert both.name == "photo-wave-night"
    free = StyleTransfer(model=styles, images=photo).run(context).images.origin(0)
    assert free.name == "photo-styles"
    painted = StyleTransfer(model=painting, images=photo, style_image=art).run(context).images.origin(0)
    assert painted.name == "photo-painting"
    assert sorted(painted.inputs) == ["art.png", "photo.png"]
    dream = Sample(model=load(models / "full.onnx"), seeds="3").run(context).images
    dreamt = StyleTransfer(model=painting, images=photo, style_image=dream).run(context).images.origin(0)
    assert sorted(dreamt.models) == ["full.onnx", "painting.onnx"]
    assert dreamt.provider == "CPUExecutionProvider"


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        ("full.onnx", {}, "is a generator, but a style is needed"),
        ("painting.onnx", {}, "style_image: this network needs a style picture"),
        ("painting.onnx", {"style_image": sequence([])}, "style_image: 0 style pictures given"),
        ("painting.onnx", {"style_image": sequence([noise(2, 2)] * 2)}, "style_image: 2 style pictures given"),
        ("painting.onnx", {"style_image": sequence([noise(2, 2)]), "styles": "a"}, "this network has one style"),
        ("styles.onnx", {"style_image": sequence([noise(2, 2)])}, "has its styles built in"),
        ("styles.onnx", {"styles": "wve"}, "there is no style 'wve' - did you mean 'wave'?"),
    ],
)
def test_refusals(models, context, model, inputs, message):
    with pytest.raises(InputError) as refused:
        StyleTransfer(model=load(models / model), images=sequence([noise(4, 4)]), **inputs).run(context)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "weights"),
    [("a", (1, 0)), ("b=2", (0, 2)), ("a=0.5,b", (0.5, 1)), ("a=1,a=3", (3, 0)), (" b = .5 ", (0, 0.5))],
)
def test_style_weights(text, weights):
    assert parse_style_weights(text, ("a", "b"), None) == weights


def test_no_style_weights_leave_the_choice_to_the_network():
    assert parse_style_weights("", ("a", "b"), None) is None
    assert parse_style_weights("", ("a", "b"), "b") == (0, 1)


@pytest.mark.parametrize("text", ["a=x", "a=-1", "a=nan", "a=inf", "a=1e7", "a==1", "a=0", "a=0,b=0", "c", ",", "a,"])
def test_malformed_style_weights(text):
    with pytest.raises(InputError) as refused:
        parse_style_weights(text, ("a", "b"), None)
    assert refused.value.where == f"styles {text!r}"


def masks(*values, side=8):
    """Masks in memory, each of one value or as given."""
    pictures = [
        value if isinstance(value, np.ndarray) else np.full((side, side, 1), value, np.float32) for value in values
    ]
    plain = sequence(pictures)
    return Masks(len(pictures), plain.render, plain.origin, plain.recipe)


def half_mask():
    mask = np.zeros((8, 8, 1), np.float32)
    mask[:, 4:] = 1
    return mask


def test_a_mask_of_1_paints_all_and_one_of_0_nothing(models, context):
    model, photo = load(models / "styles.onnx"), noise(8, 8) * np.float32(0.77)
    full = paint(model, context, photo)[0]
    assert np.array_equal(paint(model, context, photo, mask=masks(1))[0], full)
    assert np.array_equal(paint(model, context, photo, mask=masks(0))[0], photo)
    assert paint(model, context, photo, mask=masks(1))[0].dtype == np.float32


def test_a_mask_paints_where_it_is_1_and_softly_between(models, context):
    model, photo = load(models / "styles.onnx"), noise(8, 8)
    full = paint(model, context, photo)[0]
    painted = paint(model, context, photo, mask=masks(half_mask()))[0]
    assert np.array_equal(painted[:, :4], photo[:, :4])
    assert np.array_equal(painted[:, 4:], full[:, 4:])
    assert np.allclose(paint(model, context, photo, mask=masks(0.25))[0], photo + 0.25 * (full - photo), atol=1e-6)


@pytest.mark.parametrize("size", [1, 64])
def test_a_mask_of_any_size_is_brought_to_the_picture_s(models, context, size):
    model, photo = load(models / "styles.onnx"), noise(9, 5)
    full = paint(model, context, photo)[0]
    assert np.allclose(paint(model, context, photo, mask=masks(1, side=size))[0], full, atol=1e-6)
    assert np.allclose(paint(model, context, photo, mask=masks(0, side=size))[0], photo, atol=1e-6)


def test_one_mask_is_for_all_pictures_and_several_are_one_a_picture(models, context):
    model, photos = load(models / "styles.onnx"), [noise(8, 8, seed=seed) for seed in range(3)]
    full = paint(model, context, *photos)
    for one in paint(model, context, *photos, mask=masks(0)), paint(model, context, *photos, mask=masks(0, 0, 0)):
        assert all(np.array_equal(*pair) for pair in zip(one, photos, strict=True))
    each = paint(model, context, *photos, mask=masks(0, 1, 0))
    assert np.array_equal(each[0], photos[0])
    assert np.array_equal(each[1], full[1])
    assert np.array_equal(each[2], photos[2])


@pytest.mark.parametrize("count", [0, 2, 4])
def test_another_number_of_masks_is_refused(models, context, count):
    with pytest.raises(InputError, match=f"mask: {count} masks for 3 pictures - give one, or one a picture"):
        paint(load(models / "styles.onnx"), context, *[noise(8, 8)] * 3, mask=masks(*[1] * count))


def test_a_mask_keeps_alpha_and_follows_a_picture_that_is_shrunk_or_enlarged(models, context):
    photo = noise(8, 8, 4)
    painted = paint(load(models / "styles.onnx"), context, photo, mask=masks(half_mask()))[0]
    assert np.array_equal(painted[..., 3], photo[..., 3])
    assert np.array_equal(painted[:, :4], photo[:, :4])
    small = paint(load(models / "styles.onnx"), context, photo, mask=masks(0), max_side=4)[0]
    assert np.array_equal(small, resize(photo, 4, 4))
    large = paint(load(models / "upscaler.onnx"), context, photo[..., :3], mask=masks(0))[0]
    assert np.array_equal(large, resize(photo[..., :3], 24, 24))
    grey = paint(load(models / "styles.onnx"), context, noise(8, 8, 1), mask=masks(0))[0]
    assert np.array_equal(grey, noise(8, 8, 1).repeat(3, axis=2))


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"strength": 0.4},
        {"preserve_color": "luminance"},
        {"preserve_color": "statistics"},
        {"preserve_color": "histogram"},
        {"mask": masks(half_mask())},
        {"max_side": 90},
    ],
)
@pytest.mark.parametrize("model", ["styles.onnx", "painting.onnx", "upscaler.onnx"])
def test_tiles_paint_the_same_whatever_else_is_asked_for(models, context, monkeypatch, model, inputs):
    style = {"style_image": sequence([noise(4, 4)])} if model == "painting.onnx" else {}
    photo = noise(150, 130, 4)
    whole = paint(load(models / model), context, photo, **inputs, **style)[0]
    monkeypatch.setattr("ganplugin.sizing._BAND_PIXELS", 999)  # as bands of a large picture
    tiled = paint(load(models / model), context, photo, tile=64, **inputs, **style)[0]
    assert np.allclose(tiled, whole, atol=1e-5)
    assert tiled.dtype == np.float32


def test_tiles_are_shown_as_they_are_painted(models):
    class Watching(SilentReporter):
        def __init__(self):
            self.seen: list[tuple[str, int, int]] = []

        def task(self, label, total):
            return nullcontext(lambda done: self.seen.append((label, total, done)))

    reporter = Watching()
    context = Context(device="cpu", reporter=reporter)
    paint(load(models / "styles.onnx"), context, noise(60, 130), tile=64)
    assert reporter.seen == [("tiles", 3, done) for done in range(4)]
    painted = StyleTransfer(model=load(models / "styles.onnx"), images=sequence([noise(60, 130)]), tile=64)
    assert painted.run(context).images.levels(0, 1)[0].dtype == np.uint8
    assert reporter.seen[4:] == reporter.seen[:4]
    paint(load(models / "styles.onnx"), context, noise(60, 130))
    assert len(reporter.seen) == 8


def test_a_tile_that_would_be_nearly_all_margin_is_refused(models, context):
    with pytest.raises(InputError, match="tile: 63 is too small - choose 64 or more, or 0"):
        paint(load(models / "styles.onnx"), context, noise(4, 4), tile=63)


def test_a_network_with_the_statistics_of_a_shot_is_not_cut(models, context, monkeypatch):
    model, photo = load(models / "styles.onnx"), noise(60, 130)
    monkeypatch.setattr("ganplugin.tiled_style.fits_whole", lambda pixels, kind: False)
    shot = paint(model, context, photo, photo, statistics="shot")
    assert np.allclose(shot[0], paint(model, context, photo)[0], atol=1e-5)
    with pytest.raises(InputError, match="tile: tiles measure picture by picture - leave it at 0"):
        paint(model, context, photo, statistics="shot", tile=64)


def test_the_size_of_tiles_is_part_of_the_recipe(models, context):
    painted = StyleTransfer(model=load(models / "styles.onnx"), images=sequence([noise(4, 4)]), tile=128).run(context)
    assert dict(painted.images.origin(0).recipe.inputs)["tile"] == 128
