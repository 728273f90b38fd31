from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ganplugin.errors import FileError, InputError
from ganplugin.files import file_digest
from ganplugin.nodes import LoadLatents, SaveLatents
from ganplugin.nodes.context import Folders
from tests.nodes.kit import latents

VALUES = np.arange(8, dtype=np.float32).reshape(2, 4)


@pytest.fixture
def saved(here, context):
    SaveLatents(latents=latents(VALUES), path=str(here / "kept" / "a.npz")).run(context)
    return here / "kept" / "a.npz"


def test_latents_are_looked_for_in_the_input_folders_first(here, context, saved, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    SaveLatents(latents=latents(VALUES * 2), path=str(elsewhere / "kept" / "a.npz")).run(context)
    found = LoadLatents(path="kept/a.npz").run(context).latents
    assert np.array_equal(found.array(), VALUES)
    hosted = replace(context, folders=Folders(inputs=(here / "empty", elsewhere)))
    found = LoadLatents(path="kept/a.npz").run(hosted).latents
    assert np.array_equal(found.array(), VALUES * 2)
    assert str(elsewhere) not in repr(found.recipe)
    assert list(found.inputs.values()) == [file_digest(elsewhere / "kept" / "a.npz")]
    here_alone = replace(context, folders=Folders(inputs=(here / "empty",)))
    assert np.array_equal(LoadLatents(path="kept/a.npz").run(here_alone).latents.array(), VALUES)


@pytest.mark.parametrize(("path", "message"), [("none.npz", "no such file"), ("x" * 5000, "name too long")])
def test_a_file_that_cannot_be_is_an_error_in_words(here, context, path, message):
    for folders in (Folders(), Folders(inputs=(here,))):
        with pytest.raises(FileError, match=message):
            LoadLatents(path=path).run(replace(context, folders=folders))


def test_other_suffixes_are_refused_before_anything_is_computed(here, context):
    def rows(start, stop):
        raise AssertionError("computed")

    made = SaveLatents(latents=replace(latents(VALUES), rows=rows), path="a.npy")
    with pytest.raises(InputError, match=r"a\.npy: latents are written as \.npz - end the name in \.npz"):
        made.destinations(context)


def test_a_loaded_file_is_named_within_the_folder_that_it_was_found_in(here, context, saved):
    hosted = replace(context, folders=Folders(inputs=(here,)))
    assert list(LoadLatents(path="kept/a.npz").run(hosted).latents.inputs) == ["kept/a.npz"]
