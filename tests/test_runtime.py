from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest

from ganplugin import execution, session_cache, sessions
from ganplugin.builtin import builtin_file, catalog
from ganplugin.errors import FileError, ImageError, InputError, ModelError, ProviderError
from ganplugin.images import to_uint8
from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from ganplugin.runtime import DEFAULT_THREADS, RuntimeOptions, forget_models, open_model
from ganplugin.seeds import seed_latents
from tests import fake_runtime
from tests.tiny_models import NUM_WS, W_DIM, GraphBuilder, tiny_generator, tiny_scorer, tiny_style, tiny_upscaler

CPU = RuntimeOptions(device="cpu")


@pytest.fixture(autouse=True)
def _fresh_cache():
    forget_models()
    yield
    forget_models()


@pytest.fixture
def generator(tmp_path):
    return open_model(tiny_generator(tmp_path / "generator.onnx"), CPU)


@pytest.fixture
def style(tmp_path):
    return open_model(tiny_style(tmp_path / "style.onnx", multiple=4), CPU)


@pytest.fixture
def scorer(tmp_path):
    return open_model(tiny_scorer(tmp_path / "scorer.onnx"), CPU)


@pytest.fixture
def fake(monkeypatch):
    module = fake_runtime.FakeRuntime()
    for place in (sessions, session_cache, execution):
        monkeypatch.setattr(place, "load_onnxruntime", lambda: module)
    for place in (sessions, session_cache):
        monkeypatch.setattr(place, "both_wheels_installed", lambda: False)
    return module


def latents(count=10):
    return seed_latents(range(count), 4)


def photos(count=2, height=17, width=9):
    return np.random.RandomState(3).rand(count, height, width, 3).astype(np.float32)


def test_a_model_says_what_it_is(generator):
    assert generator.manifest.kind == "generator"
    assert len(generator.digest) == 64
    assert (generator.provider, str(generator.device)) == ("CPUExecutionProvider", "cpu")
    assert generator.options.threads == DEFAULT_THREADS == 2
    assert generator.inputs["z"] == ("batch", 4)
    assert generator.inputs["noise_strength"] == ()
    assert "z" in generator.input_names
    assert "z" not in generator.optional_inputs
    assert generator.noise_shapes == {"noise_0": (8, 8), "noise_1": (8, 8)}
    assert sorted(generator.outputs) == ["image", "w"]


@pytest.mark.parametrize("channels", ["L", "RGB", "RGBA"])
def test_levels_are_the_pictures_with_8_bits(tmp_path, channels):
    model = open_model(tiny_generator(tmp_path / "g.onnx", channels=channels), RuntimeOptions(device="cpu", batch=4))
    asked = {"truncation": 0.7, "noise_strength": 0.5}
    levels = model.generate_levels(latents(), **asked)
    assert levels.dtype == np.uint8
    assert np.array_equal(levels, to_uint8(model.generate(latents(), **asked)))


@pytest.mark.parametrize("size", [(17, 9), (8, 8)])
def test_levels_of_a_painting_are_cut_to_its_size(style, size):
    asked = {"style_weights": [0.5, 0.5], "strength": 0.7}
    levels = style.stylize_levels(photos(2, *size), **asked)
    assert levels.shape == (2, *size, 3)
    assert np.array_equal(levels, to_uint8(style.stylize(photos(2, *size), **asked)))


@pytest.mark.parametrize("size", [(6, 8), (30, 17)])
def test_levels_of_a_painting_that_was_resized_are_rounded_after_that(tmp_path, size):
    model = open_model(tiny_upscaler(tmp_path / "fixed.onnx", sides=(6, 8)), CPU)
    assert np.array_equal(model.stylize_levels(photos(2, *size)), to_uint8(model.stylize(photos(2, *size))))


def test_a_network_that_returns_nan_gives_no_levels(tmp_path):
    build = GraphBuilder()
    z = build.op("Reshape", build.input("z", ("batch", 4)), build.shape(-1, 1, 2, 2))
    build.op("Sqrt", z, output="image")
    build.output("image", ("batch", 1, 2, 2))
    facts = {"kind": "generator", "family": "tiny", "name": "roots", "channels": "L", "width": 2, "height": 2}
    manifest = Manifest(**facts, z_dim=4, licence="made by the tests", exporter="tests")
    model = open_model(write_model(build.model(), manifest, tmp_path / "roots.onnx"), CPU)
    assert model.generate_levels([[0, 1, 1, 0.25]]).ravel().tolist() == [0, 255, 255, 128]
    with pytest.raises(ImageError, match="the picture holds NaN values"):
        model.generate_levels([[0, 1, 1, 1], [0, 1, -1, 1]])


def test_pictures_are_rows_of_height_width_channels_from_0_to_1(generator):
    pictures = generator.generate(latents())
    assert pictures.shape == (10, 8, 8, 3)
    assert pictures.dtype == np.float32
    assert pictures.flags.c_contiguous
    assert 0 <= pictures.min() < pictures.max() <= 1
    raw = generator.run({"z": latents()}, ["image"])["image"]
    assert (pictures == raw.transpose(0, 2, 3, 1)).all()


def test_no_latents_give_no_pictures(generator):
    assert generator.generate(np.zeros((0, 4))).shape == (0, 8, 8, 3)
    assert generator.map_latents(np.zeros((0, 4))).shape == (0, NUM_WS, W_DIM)


@pytest.mark.parametrize("batch", [1, 2, 7, 10, 64])
def test_any_batch_size_gives_the_same_bytes(generator, batch):
    options = RuntimeOptions(device="cpu", batch=batch)
    assert open_model(generator.path, options).generate(latents()).tobytes() == generator.generate(latents()).tobytes()


def test_any_order_and_subset_gives_the_same_bytes(generator):
    pictures, order = generator.generate(latents()), [7, 0, 3]
    assert generator.generate(latents()[order]).tobytes() == pictures[order].tobytes()


@pytest.mark.parametrize("name", [name for name, entry in catalog().items() if entry.kind == "generator"])
def test_builtin_pictures_are_the_same_bytes_at_any_batch_size(name):
    path = builtin_file(catalog()[name])
    models = [open_model(path, RuntimeOptions(device="cpu", batch=batch)) for batch in (1, 3, 8)]
    z = seed_latents(range(8), models[0].manifest.z_dim or 0)
    assert len({model.generate(z).tobytes() for model in models}) == 1


def test_truncation_is_one_number_or_one_a_layer(generator):
    plain = generator.generate(latents())
    assert (generator.generate(latents(), truncation=1.0) == plain).all()
    half = generator.generate(latents(), truncation=0.5)
    assert (half == generator.generate(latents(), truncation=[0.5] * NUM_WS)).all()
    assert (half != plain).any()
    mean = generator.generate(latents(), truncation=0)
    assert np.ptp(mean, axis=0).max() < 1e-6


def test_ws_alone_decides_the_picture_unless_mix_says_otherwise(generator):
    ws = generator.map_latents(latents(), truncation=0.7)
    assert ws.shape == (10, NUM_WS, W_DIM)
    expected = generator.generate(latents(), truncation=0.7)
    assert np.allclose(generator.generate(np.zeros((10, 4)), ws=ws), expected, atol=1e-6)
    ignored = generator.generate(latents(), ws=ws, mix=0.0)
    assert (ignored == generator.generate(latents())).all()
    layers = generator.generate(latents(), ws=ws[:1], mix=[1, 0, 0])
    assert (layers != ignored).any()


def test_ws_is_cut_along_with_the_batches(generator):
    ws = generator.map_latents(latents())
    small = open_model(generator.path, RuntimeOptions(device="cpu", batch=3))
    zeros = np.zeros((10, 4))
    assert small.generate(zeros, ws=ws).tobytes() == generator.generate(zeros, ws=ws).tobytes()


def test_noise_is_given_by_name_or_turned_off(generator):
    plain = generator.generate(latents())
    assert (generator.generate(latents(), noise_strength=0) != plain).any()
    drawn = {"noise_1": np.random.RandomState(0).randn(10, 1, 8, 8)}
    assert (generator.generate(latents(), noise=drawn) != plain).any()
    with pytest.raises(InputError, match="takes no noise_7"):
        generator.generate(latents(), noise={"noise_7": np.ones((1, 1, 8, 8))})


def test_a_class_is_a_row_or_one_for_all(tmp_path):
    model = open_model(tiny_generator(tmp_path / "classes.onnx", classes=("cat", "dog")), CPU)
    cats = model.generate(latents(), label=[1, 0])
    assert (cats == model.generate(latents(), label=np.repeat([[1, 0]], 10, axis=0))).all()
    assert (cats != model.generate(latents(), label=[0, 1])).any()
    with pytest.raises(InputError, match="cat, dog"):
        model.generate(latents())


def test_a_generator_without_a_w_space_says_so(tmp_path):
    model = open_model(tiny_generator(tmp_path / "plain.onnx", w_space=False, noise=False, channels="L"), CPU)
    assert model.generate(latents(), truncation=1.0, noise_strength=1).shape == (10, 8, 8, 1)
    for call in (
        lambda: model.generate(latents(), truncation=0.7),
        lambda: model.generate(latents(), noise_strength=0),
        lambda: model.generate(latents(), ws=np.zeros((1, NUM_WS, W_DIM))),
        lambda: model.map_latents(latents()),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize("size", [(17, 9), (1, 1), (4, 4), (30, 31)])
def test_stylized_pictures_keep_their_size(style, size):
    assert style.stylize(photos(2, *size)).shape == (2, *size, 3)


@pytest.mark.parametrize(("scale", "multiple"), [(2, 1), (3, 4), (8, 2)])
def test_an_upscaler_returns_its_scale_times_the_picture_at_any_size(tmp_path, scale, multiple):
    model = open_model(tiny_upscaler(tmp_path / "up.onnx", scale=scale, multiple=multiple), CPU)
    content = photos(3, 5, 7)
    found = model.stylize(content)
    assert (found == 1 - content.repeat(scale, axis=1).repeat(scale, axis=2)).all()
    assert model.batch_size < 32 // scale


def test_an_upscaler_of_one_size_sees_the_picture_resized_and_returns_its_scale_times(tmp_path):
    model = open_model(tiny_upscaler(tmp_path / "up.onnx", scale=4, sides=(8, 12)), CPU)
    flat = np.full((2, 5, 10, 3), 0.25, np.float32)
    found = model.stylize(flat)
    assert found.shape == (2, 20, 40, 3)
    assert np.allclose(found, 0.75, atol=1e-5)


@pytest.mark.parametrize("claimed", [1, 2, 4])
def test_a_manifest_that_says_a_wrong_scale_is_an_error_not_a_cut_or_stretched_picture(tmp_path, claimed):
    model = open_model(tiny_upscaler(tmp_path / "up.onnx", scale=3, claimed=claimed), CPU)
    with pytest.raises(ModelError, match=f"returns pictures of 3x3, not {claimed}x{claimed}"):
        model.stylize(photos(1, 1, 1))


def test_a_result_that_no_picture_file_could_be_is_refused_before_the_run(tmp_path, fake):
    model = open_model(tiny_upscaler(tmp_path / "up.onnx", scale=16), CPU)
    with pytest.raises(InputError, match="16000x12000 would be more pixels than a picture may have"):
        model.stylize(np.zeros((750, 1000, 3), np.float32))
    assert fake.runs == []


def test_styles_and_strength_matter(style):
    content = photos()
    wave, night = style.stylize(content, style_weights=[1, 0]), style.stylize(content, style_weights=[0, 1])
    assert (wave == style.stylize(content)).all()
    assert (wave != night).any()
    assert np.allclose(style.stylize(content, strength=0), content, atol=1e-6)
    with pytest.raises(InputError, match="takes no style"):
        style.stylize(content, style=content[0])


def test_one_picture_may_come_without_a_batch_axis(style):
    assert (style.stylize(photos()[0]) == style.stylize(photos())[:1]).all()


def test_scores_are_one_number_a_picture(scorer):
    pictures = photos(5, 8, 8)
    scores = scorer.score(pictures)
    assert scores.shape == (5,)
    assert scores.dtype == np.float32
    assert (scorer.score(pictures[::-1]) == scores[::-1]).all()
    with pytest.raises(InputError, match="9x17, but the scorer judges 8x8"):
        scorer.score(photos())


def test_a_model_of_another_kind_is_refused(generator, style, scorer):
    for call in (
        lambda: generator.stylize(photos()),
        lambda: generator.score(photos()),
        lambda: scorer.generate(latents()),
        lambda: style.map_latents(latents()),
    ):
        with pytest.raises(InputError, match="is needed"):
            call()


@pytest.mark.parametrize(
    ("feeds", "outputs", "message"),
    [
        ({"zz": np.ones((1, 4))}, None, "did you mean"),
        ({}, None, "'z' is missing"),
        ({"z": np.ones((1, 5))}, None, "needs"),
        ({"z": np.full((1, 4), np.nan)}, None, "finite"),
        ({"z": np.ones((1, 4))}, ["picture"], "has no output 'picture'"),
    ],
)
def test_a_bare_run_checks_names_and_shapes(generator, feeds, outputs, message):
    with pytest.raises(InputError, match=message):
        generator.run(feeds, outputs)


def test_a_bare_run_gives_every_output(generator):
    assert sorted(generator.run({"z": latents()})) == ["image", "w"]


def test_eight_threads_give_the_bytes_of_one(generator):
    z = latents(64)
    expected = [generator.generate(z[i : i + 4], truncation=0.7).tobytes() for i in range(0, 64, 4)]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(generator.generate, z[i : i + 4], truncation=0.7) for i in range(0, 64, 4)]
        assert [job.result().tobytes() for job in jobs] == expected


@pytest.mark.parametrize(
    "options",
    [{"device": "cdua"}, {"device": "cpu:1"}, {"threads": 0}, {"threads": 257}, {"batch": -1}, {"batch": 65537}],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError):
        RuntimeOptions(**options)


def test_the_batch_size_is_the_option_or_fits_the_picture(generator):
    assert generator.batch_size == 32
    assert open_model(generator.path, RuntimeOptions(device="cpu", batch=5)).batch_size == 5


def test_files_that_cannot_be_opened_say_why(tmp_path):
    with pytest.raises(FileError):
        open_model(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError):
        open_model(tmp_path / "text.onnx")


def test_a_demanded_gpu_that_is_missing_fails_before_the_first_picture(generator, fake):
    with pytest.raises(ProviderError):
        open_model(generator.path, RuntimeOptions(device="cuda"))
    assert fake.runs == []


def test_out_of_memory_halves_the_batch_and_keeps_order_and_bytes(generator, fake):
    expected = generator.generate(latents(40)).tobytes()
    fake.most_rows = 5
    forget_models()
    model = open_model(generator.path, CPU)
    assert model.generate(latents(40)).tobytes() == expected
    assert fake.runs == [32, 16, 8, *[4] * 10]
    fake.runs.clear()
    model.generate(latents(8))
    assert fake.runs == [4, 4]


def test_a_picture_that_never_fits_is_a_model_error_with_a_way_out(tmp_path, fake):
    fake.most_rows = 0
    model = open_model(tiny_generator(tmp_path / "huge.onnx"), CPU)
    with pytest.raises(ModelError, match="does not fit into memory") as caught:
        model.generate(latents(2))
    assert "huge.onnx" in str(caught.value)
    assert fake.runs == [2, 1]


def test_other_failures_of_a_run_are_not_retried(tmp_path, fake):
    fake.most_rows, fake.memory_error = 0, RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Non-zero status code")
    model = open_model(tiny_generator(tmp_path / "broken.onnx"), CPU)
    with pytest.raises(ModelError, match=r"broken\.onnx on cpu: the run failed: Non-zero status code"):
        model.generate(latents(8))
    assert fake.runs == [8]


def test_on_a_gpu_results_are_bound_in_its_memory_and_equal_the_plain_run(generator, fake):
    fake.working.add(fake_runtime.CUDA)
    model = open_model(generator.path, RuntimeOptions(device="cuda:1"))
    bound, plain = (one.generate(latents(), truncation=0.7).tobytes() for one in (model, generator))
    assert bound == plain
    assert fake.bound == [("image", "cuda", 1)]
    assert model.map_latents(latents()).tobytes() == generator.map_latents(latents()).tobytes()


def test_out_of_memory_on_a_gpu_backs_off_too(generator, fake):
    fake.working.add(fake_runtime.CUDA)
    fake.most_rows, fake.memory_error = 20, RuntimeError("CUDA failure 2: out of memory")
    model = open_model(generator.path, RuntimeOptions(device="cuda"))
    assert model.generate(latents(40)).tobytes() == generator.generate(latents(40)).tobytes()
    assert fake.runs == [40, 20, 20]


def test_only_what_is_asked_for_is_computed(generator, fake):
    forget_models()
    model = open_model(generator.path, CPU)
    model.map_latents(latents())
    model.run({"z": latents()})
    asked, everything = fake.run_options
    assert asked.only_execute_path_to_fetches
    assert not everything.only_execute_path_to_fetches


def test_a_provider_that_bakes_defaults_is_fed_them_and_obeys_other_values(fake, tmp_path):
    """OpenVINO took the default truncation for a constant and silently ignored any other (seen in version 1.24.1)."""
    path = tiny_generator(tmp_path / "g.onnx")
    fake.listed, fake.working = [fake_runtime.OPENVINO, fake_runtime.CPU], {fake_runtime.OPENVINO, fake_runtime.CPU}
    baked, plain = open_model(path, RuntimeOptions(device="openvino")), open_model(path, CPU)
    assert baked.provider == fake_runtime.OPENVINO
    opened = onnx.load_from_string(fake.opened[0])
    assert not {value.name for value in opened.graph.input} & {tensor.name for tensor in opened.graph.initializer}
    assert set(baked.optional_inputs) == set(plain.optional_inputs)
    assert dict(baked.inputs) == dict(plain.inputs)
    for options in ({}, {"truncation": 0.3}, {"noise_strength": 0.0}):
        assert np.array_equal(baked.generate(latents(), **options), plain.generate(latents(), **options))
    assert np.array_equal(baked.map_latents(latents()), plain.map_latents(latents()))
    assert not np.array_equal(baked.generate(latents()), baked.generate(latents(), truncation=0.3))
