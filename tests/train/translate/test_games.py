from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ganplugin.train.translate.contrast import contrast
from ganplugin.train.translate.games import BACK, FORWARD, Deal, Weights, contrastive, cyclic, paired
from tests.train.translate.tiny import players


def plain(pictures: Tensor) -> Tensor:
    return pictures


def deal(seed: int = 1) -> Deal:
    random = torch.Generator().manual_seed(7)
    photos, styles = torch.rand(2, 2, 3, 16, 16, generator=random)
    return Deal(photos, styles, torch.Generator().manual_seed(seed), plain)


def nce(of: object, made: Tensor, photos: Tensor, random: torch.Generator) -> float:
    generator, heads = of.generators[FORWARD], of.heads  # type: ignore[attr-defined]
    return contrast(heads, generator.encode(made), generator.encode(photos), random).item()


def squares(patches: Tensor) -> float:
    return (patches - 1).square().mean().item()


def test_cut_by_hand() -> None:
    one, given = players("cut"), deal()
    turn = contrastive(one, Weights(2.0, 3.0), given)
    made, same = one.generators[FORWARD](given.photos), one.generators[FORWARD](given.styles)
    random = torch.Generator().manual_seed(1)
    assert turn.terms["fool"].item() == pytest.approx(squares(one.judges[FORWARD](made)))
    assert turn.terms["content"].item() == pytest.approx(2 * nce(one, made, given.photos, random), rel=1e-4)
    assert turn.terms["identity"].item() == pytest.approx(3 * nce(one, same, given.styles, random), rel=1e-4)
    real, shown = turn.shown[FORWARD]
    assert torch.equal(real, given.styles)
    assert torch.allclose(shown, made, atol=1e-6)


def test_fastcut_has_no_identity_and_mirrors_half_of_its_photos() -> None:
    one = players("fastcut")
    mirrored = set()
    for seed in range(8):
        given = deal(seed)
        turn = contrastive(one, Weights(10.0, equivariant=True), given)
        assert set(turn.terms) == {"fool", "content"}
        straight = one.generators[FORWARD](given.photos)
        turned = one.generators[FORWARD](given.photos.flip(3))
        is_turned = torch.allclose(turn.shown[FORWARD][1], turned, atol=1e-6)
        assert is_turned or torch.allclose(turn.shown[FORWARD][1], straight, atol=1e-6)
        mirrored.add(is_turned)
        if is_turned:  # mirrored back, features are compared with those of the photo as it is
            random = torch.Generator().manual_seed(seed)
            torch.rand((), generator=random)
            queries = [layer.flip(3) for layer in one.generators[FORWARD].encode(turned)]
            assert one.heads is not None
            wanted = contrast(one.heads, queries, one.generators[FORWARD].encode(given.photos), random)
            assert turn.terms["content"].item() == pytest.approx(10 * wanted.item(), rel=1e-4)
    assert mirrored == {True, False}


def test_cyclegan_by_hand() -> None:
    one, given = players("cyclegan"), deal()
    turn = cyclic(one, Weights(10.0, 5.0), given)
    forward, back = one.generators[FORWARD], one.generators[BACK]
    made, unmade = forward(given.photos), back(given.styles)

    def apart(a: Tensor, b: Tensor) -> float:
        return 2 * (a - b).abs().mean().item()

    assert turn.terms["fool"].item() == pytest.approx(squares(one.judges[FORWARD](made)))
    assert turn.terms["fool_back"].item() == pytest.approx(squares(one.judges[BACK](unmade)))
    cycle = apart(back(made), given.photos) + apart(forward(unmade), given.styles)
    same = apart(forward(given.styles), given.styles) + apart(back(given.photos), given.photos)
    assert turn.terms["content"].item() == pytest.approx(10 * cycle, rel=1e-5)
    assert turn.terms["identity"].item() == pytest.approx(5 * same, rel=1e-5)
    assert torch.equal(turn.shown[BACK][0], given.photos)
    assert len(one.pools[FORWARD].pictures) == 2
    assert "identity" not in cyclic(one, Weights(10.0), given).terms


def test_pix2pix_by_hand() -> None:
    one, given = players("pix2pix"), deal()
    turn = paired(one, Weights(100.0), given)
    made = one.generators[FORWARD](given.photos)
    beside = torch.cat((given.photos, made), dim=1)
    assert turn.terms["fool"].item() == pytest.approx(squares(one.judges[FORWARD](beside)))
    assert turn.terms["content"].item() == pytest.approx(200 * (made - given.styles).abs().mean().item(), rel=1e-5)
    assert torch.equal(turn.shown[FORWARD][0], torch.cat((given.photos, given.styles), dim=1))


def test_a_discriminator_looks_at_changed_pictures() -> None:
    one, given = players("pix2pix"), deal()
    plainly = paired(one, Weights(1.0), given).terms["fool"]
    darkly = paired(one, Weights(1.0), replace(given, look=torch.zeros_like)).terms["fool"]
    assert plainly.item() != darkly.item()
    assert darkly.item() == pytest.approx(squares(one.judges[FORWARD](torch.zeros(2, 6, 16, 16))))
