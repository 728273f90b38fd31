"""Pictures between ComfyUI's tensors and our sequences."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch

from ganplugin.errors import InputError
from ganplugin.nodes.values import Masks, Recipe
from tests.nodes.kit import noise, sequence

UNKNOWN = Recipe("SomeNode")


def batches_of(comfy, images) -> list[torch.Tensor]:
    return comfy.module("batches").as_batches(iter(images), images, comfy.root / "temp")


def masks_of(pictures) -> Masks:
    whole = sequence(pictures)
    return Masks(whole.count, whole.render, whole.origin, whole.recipe)


def test_pictures_of_one_size_are_one_batch_with_their_very_values(comfy):
    pictures = [noise(4, 6, seed=seed) for seed in range(3)]
    (batch,) = batches_of(comfy, sequence(pictures))
    assert (batch.dtype, tuple(batch.shape)) == (torch.float32, (3, 4, 6, 3))
    assert np.array_equal(batch.numpy(), np.stack(pictures))


def test_every_run_of_one_size_is_a_batch_in_order(comfy):
    pictures = [noise(*size, seed=seed) for seed, size in enumerate([(4, 6), (4, 6), (5, 5), (4, 6)])]
    batches = batches_of(comfy, sequence(pictures))
    assert [tuple(batch.shape[:3]) for batch in batches] == [(2, 4, 6), (1, 5, 5), (1, 4, 6)]
    again = comfy.module("batches").as_images(batches, UNKNOWN)
    assert all(np.array_equal(one, other) for one, other in zip(again, pictures, strict=True))


def test_a_batch_keeps_no_room_for_pictures_of_another_size(comfy, monkeypatch):
    module = comfy.module("batches")
    make_room, rooms = module._room, []

    def watched(shape, folder):
        room = make_room(shape, folder)
        rooms.append(weakref.ref(room))
        return room

    monkeypatch.setattr(module, "_room", watched)
    batches = batches_of(comfy, sequence([noise(4, 6), noise(5, 5), noise(6, 4)]))
    assert [len(batch) for batch in batches] == [1, 1, 1]
    assert [room() is None for room in rooms] == [True, True, False]  # the last one was filled


def test_alpha_is_a_fourth_channel_and_a_batch_of_its_own(comfy):
    pictures = [noise(4, 6, 4), noise(4, 6, 3)]
    batches = batches_of(comfy, sequence(pictures))
    assert [tuple(batch.shape) for batch in batches] == [(1, 4, 6, 4), (1, 4, 6, 3)]
    assert np.array_equal(batches[0][0].numpy(), pictures[0])


def test_grey_becomes_rgb(comfy):
    grey = noise(4, 6, 1)
    (batch,) = batches_of(comfy, sequence([grey]))
    assert np.array_equal(batch[0].numpy(), np.repeat(grey, 3, axis=2))


def test_masks_have_no_channel_axis_in_comfyui_and_one_here(comfy):
    planes = [noise(4, 6, 1, seed) for seed in range(2)]
    (batch,) = batches_of(comfy, masks_of(planes))
    assert tuple(batch.shape) == (2, 4, 6)
    again = comfy.module("batches").as_masks([batch], UNKNOWN)
    assert isinstance(again, Masks)
    assert all(np.array_equal(one, other) for one, other in zip(again, planes, strict=True))


def test_a_single_mask_may_come_without_its_batch(comfy):
    masks = comfy.module("batches").as_masks([torch.zeros(4, 6)], UNKNOWN)
    assert [plane.shape for plane in masks] == [(4, 6, 1)]


def test_no_picture_is_no_batch(comfy):
    assert batches_of(comfy, sequence([])) == []


@pytest.mark.parametrize("value", [torch.zeros(4, 6, 3), torch.zeros(1, 4, 6, 2), "a text", None])
def test_what_is_no_batch_of_pictures_is_refused_in_words(comfy, value):
    with pytest.raises(InputError, match=r"is no IMAGE \[batch, height, width, channels\]"):
        comfy.module("batches").as_images([value], UNKNOWN)


@pytest.mark.parametrize("value", [torch.zeros(1, 4, 6, 3), torch.zeros(4), 3])
def test_what_is_no_batch_of_masks_is_refused_in_words(comfy, value):
    with pytest.raises(InputError, match=r"is no MASK \[batch, height, width\]"):
        comfy.module("batches").as_masks([value], UNKNOWN)


def test_tensors_of_other_kinds_arrive_as_float32(comfy):
    halves = torch.full((1, 4, 6, 3), 0.5, dtype=torch.float16).requires_grad_()
    turned = halves.transpose(1, 2)
    (picture,) = comfy.module("batches").as_images([turned], UNKNOWN)
    assert (picture.dtype, picture.shape, picture.flags.c_contiguous) == (np.float32, (6, 4, 3), True)
    assert (picture == 0.5).all()


def test_more_than_the_most_is_refused_before_a_second_picture_is_rendered(comfy, monkeypatch):
    batches = comfy.module("batches")
    monkeypatch.setattr(batches, "MOST_BYTES", 3 * 4 * 6 * 3 * 4)
    rendered = []

    def pictures(count):
        for seed in range(count):
            rendered.append(seed)
            yield noise(4, 6, seed=seed)

    images = sequence([noise(4, 6)] * 4)
    with pytest.raises(InputError, match=r"4 pictures of 6x4 would take .* ganplugin graph"):
        batches.as_batches(pictures(4), images, comfy.root / "temp")
    assert rendered == [0]
    (batch,) = batches.as_batches(pictures(3), sequence([noise(4, 6)] * 3), comfy.root / "temp")
    assert len(batch) == 3


def test_a_large_batch_lies_in_a_file_of_the_temporary_folder(comfy, monkeypatch):
    batches = comfy.module("batches")
    pictures = [noise(4, 6, seed=seed) for seed in range(3)]
    (in_memory,) = batches_of(comfy, sequence(pictures))
    folders = []
    mapped = batches._mapped
    monkeypatch.setattr(batches, "_mapped", lambda shape, folder: folders.append(folder) or mapped(shape, folder))
    batches_of(comfy, sequence(pictures))
    assert folders == []
    monkeypatch.setattr(batches, "ON_DISK_BYTES", 10)
    (on_disk,) = batches.as_batches(iter(pictures), sequence(pictures), comfy.root / "temp" / "new")
    assert folders == [comfy.root / "temp" / "new"]
    assert torch.equal(on_disk, in_memory)
    on_disk[0] = 0  # others may write into it
    assert not on_disk[0].any()
