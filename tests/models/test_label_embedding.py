from __future__ import annotations

import pytest
import torch

from ganplugin.errors import CheckpointError
from ganplugin.models.label_embedding import Labelled, class_facts, label_inputs, split_embedding

TABLE = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
LABEL = torch.eye(3)[[2, 0]]


@pytest.mark.parametrize(("place", "columns"), [("first", [5.0, 6.0, 7.0]), ("last", [7.0, 5.0, 6.0])])
def test_a_narrow_embedding_stands_beside_the_rest(place: str, columns: list[float]) -> None:
    module = Labelled(TABLE, 3, place)
    assert module.rest == 1
    assert module(torch.tensor([[7.0], [8.0]]), LABEL)[0].tolist() == columns


def test_one_as_wide_multiplies_the_rest() -> None:
    module = Labelled(TABLE, 2, "first")
    assert module.rest == 2
    assert module(torch.tensor([[1.0, 10.0], [2.0, 3.0]]), LABEL).tolist() == [[5.0, 60.0], [2.0, 6.0]]


def test_one_that_is_wider_is_refused_and_a_label_is_needed() -> None:
    with pytest.raises(CheckpointError, match="embeds its labels in 2 values, but takes 1"):
        Labelled(TABLE, 1, "first")
    with pytest.raises(ValueError, match="needs a label"):
        Labelled(TABLE, 3, "first")(torch.zeros(1, 1), None)


def test_the_embedding_is_split_from_the_chain() -> None:
    chain = {"fc.weight": torch.zeros(4, 3), "fc.bias": torch.zeros(4)}
    rest, table = split_embedding({"label_emb.weight": TABLE, **chain})
    assert (list(rest), table) == (list(chain), TABLE)
    two = {"emb1.weight": TABLE, "emb2.weight": TABLE}
    assert split_embedding(two) == (two, None)
    linear = {"embedding.weight": TABLE, "embedding.bias": torch.zeros(3)}
    assert split_embedding(linear) == (linear, None)


def test_what_a_conditional_network_tells() -> None:
    assert label_inputs(None) == () and class_facts(None) == {}
    assert label_inputs(TABLE)[0].shape == ("batch", 3)
    assert class_facts(TABLE) == {"classes": ("0", "1", "2")}
