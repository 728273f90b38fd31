from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganplugin.errors import FileError, GanPluginError, InputError
from ganplugin.latent_files import Latents, load_latents, save_latents
from ganplugin.seeds import seed_latents

DIGEST = "0123456789abcdef" * 4


def w_values(count: int = 2) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(count, 14, 32)).astype(np.float32)


def npy(values: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        for name, data in members.items():
            stream.writestr(name, data)
    return path


def test_latents_come_back_as_they_were(tmp_path: Path) -> None:
    for latents in (
        Latents("z", seed_latents([3, 1, 2], 64), None, (3, 1, 2)),
        Latents("w", w_values(), DIGEST, None),
        Latents("w", w_values(1), DIGEST, (7,)),
    ):
        path = tmp_path / "a.npz"
        save_latents(latents, path, overwrite=True)
        loaded = load_latents(path)
        assert (loaded.space, loaded.model_sha256, loaded.seeds) == (latents.space, latents.model_sha256, latents.seeds)
        assert loaded.values.dtype == np.float32
        assert loaded.values.tobytes() == latents.values.tobytes()
        assert len(loaded) == len(latents.values)


def test_equal_latents_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_latents(Latents("z", seed_latents([1], 8)), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_and_so_nvlabs_tools_read_our_w(tmp_path: Path) -> None:
    save_latents(Latents("w", w_values(1), DIGEST), tmp_path / "projected_w.npz")
    with np.load(tmp_path / "projected_w.npz", allow_pickle=False) as archive_:
        assert np.array_equal(archive_["w"], w_values(1))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_nvlabs_projected_w_is_read(tmp_path: Path, save: Any) -> None:
    w = np.random.default_rng(0).normal(size=(1, 18, 512))
    save(tmp_path / "projected_w.npz", w=w)
    loaded = load_latents(tmp_path / "projected_w.npz")
    assert (loaded.space, loaded.model_sha256, loaded.seeds) == ("w", None, None)
    assert np.array_equal(loaded.values, w.astype(np.float32))


@pytest.mark.parametrize(
    ("shape", "space", "result"),
    [((512,), "z", (1, 512)), ((3, 512), "z", (3, 512)), ((2, 14, 32), "w", (2, 14, 32))],
)
@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", "<f2"])
def test_npy_is_read_by_its_axes(
    tmp_path: Path, shape: tuple[int, ...], space: str, result: tuple[int, ...], dtype: str
) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(dtype)
    (tmp_path / "a.npy").write_bytes(npy(values))
    loaded = load_latents(tmp_path / "a.npy")
    assert loaded.space == space
    assert loaded.values.shape == result
    assert np.array_equal(loaded.values.ravel(), values.ravel().astype(np.float32))


def test_column_order_is_read_right(tmp_path: Path) -> None:
    values = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4))
    (tmp_path / "a.npy").write_bytes(npy(values))
    assert np.array_equal(load_latents(tmp_path / "a.npy").values, values)


class Canary:
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, ("canary",)


def test_nothing_is_ever_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evil = npy(np.array([Canary()], dtype=object), allow_pickle=True)
    paths = [archive(tmp_path / "evil.npz", {"w.npy": evil}), tmp_path / "evil.npy", tmp_path / "raw.npz"]
    paths[1].write_bytes(evil)
    paths[2].write_bytes(pickle.dumps(Canary()))
    note = archive(tmp_path / "note.npz", {"z.npy": npy(np.ones((1, 4), np.float32)), "ganplugin.npy": evil})
    for path in (*paths, note):
        with pytest.raises(FileError):
            load_latents(path)
    assert not (tmp_path / "canary").exists()


def test_a_header_that_promises_more_than_there_is_allocates_nothing(tmp_path: Path) -> None:
    data = npy(np.zeros((1, 8), np.float32)).replace(b"(1, 8)", b"(9" + b"9" * 15 + b", 8)")
    (tmp_path / "bomb.npy").write_bytes(data)
    with pytest.raises(FileError, match="not a latent file"):
        load_latents(tmp_path / "bomb.npy")
    with pytest.raises(FileError, match="not a latent file"):
        load_latents(archive(tmp_path / "bomb.npz", {"z.npy": data}))


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "a.npz", {"z.npy": npy(np.zeros((1, 100_000), np.float32))})
    monkeypatch.setattr("ganplugin.latent_files._MAX_BYTES", 100_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(FileError, match="unpacks"):
        load_latents(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.npy").write_bytes(npy(np.ones((1, 500), np.float32)))
    monkeypatch.setattr("ganplugin.latent_files._MAX_BYTES", 1000)
    with pytest.raises(FileError, match="larger"):
        load_latents(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK\3\4", b"\x93NUMPY", b"\x93NUMPY\1\0\4\0{[(", b"\x93NUMPY\3\0" * 9]
)
def test_what_is_no_latent_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    with pytest.raises(FileError, match="not a latent file"):
        load_latents(path)


def test_missing_files_and_foreign_archives(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nope\.npz"):
        load_latents(tmp_path / "nope.npz")
    ones = npy(np.ones((1, 4), np.float32))
    with pytest.raises(FileError, match="not a latent file"):
        load_latents(archive(tmp_path / "other.npz", {"images.npy": ones}))
    with pytest.raises(FileError, match="not a latent file"):
        load_latents(archive(tmp_path / "both.npz", {"z.npy": ones, "w.npy": ones}))
    with pytest.raises(FileError, match="note"):
        load_latents(archive(tmp_path / "note.npz", {"z.npy": ones, "ganplugin.npy": npy(np.zeros(3, np.uint8))}))


@pytest.mark.parametrize(
    "values",
    [
        np.full((1, 4), np.nan),
        np.full((1, 4), 1e300),
        np.zeros((0, 4)),
        np.zeros((1, 2, 3, 4)),
        np.float64(3.0),
    ],
)
def test_numbers_that_are_no_latents_are_refused(tmp_path: Path, values: Any) -> None:
    (tmp_path / "a.npy").write_bytes(npy(values))
    with pytest.raises(InputError, match=r"a\.npy"):
        load_latents(tmp_path / "a.npy")


@pytest.mark.parametrize("dtype", [np.int32, np.complex64, "<U3", bool])
def test_other_types_are_refused(tmp_path: Path, dtype: Any) -> None:
    (tmp_path / "a.npy").write_bytes(npy(np.zeros((1, 4), dtype)))
    with pytest.raises(FileError, match="not a latent file"):
        load_latents(tmp_path / "a.npy")


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8), st.booleans())
def test_damaged_bytes_give_latents_or_one_of_our_errors(changes: list[tuple[int, int]], packed: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        save_latents(Latents("z", seed_latents([1, 2], 16), DIGEST, (1, 2)), path)
        data = bytearray(path.read_bytes() if packed else npy(seed_latents([1, 2], 16)))
        for place, value in changes:
            data[place % len(data)] = value
        path.write_bytes(data)
        try:
            assert np.isfinite(load_latents(path).values).all()
        except GanPluginError as error:
            assert "\n" not in str(error)


def test_saving_needs_npz_and_never_overwrites_unasked(tmp_path: Path) -> None:
    latents = Latents("z", seed_latents([1], 8))
    with pytest.raises(InputError, match=r"\.npz"):
        save_latents(latents, tmp_path / "a.npy")
    save_latents(latents, tmp_path / "a.npz")
    with pytest.raises(FileError, match="exists"):
        save_latents(latents, tmp_path / "a.npz")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("space", "values", "digest", "seeds"),
    [
        ("z", np.zeros((2, 3, 4), np.float32), None, None),
        ("w", np.zeros((2, 3), np.float32), None, None),
        ("y", np.zeros((2, 3), np.float32), None, None),
        ("z", np.zeros((2, 3), np.float64), None, None),
        ("z", np.full((2, 3), np.inf, np.float32), None, None),
        ("z", np.zeros((2, 3), np.float32), None, (1,)),
        ("z", np.zeros((2, 3), np.float32), None, (1, 2**32)),
        ("z", np.zeros((2, 3), np.float32), "abc", None),
    ],
)
def test_latents_check_themselves(space: Any, values: Any, digest: str | None, seeds: tuple[int, ...] | None) -> None:
    with pytest.raises(InputError):
        Latents(space, values, digest, seeds)
