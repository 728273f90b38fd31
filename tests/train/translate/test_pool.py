from __future__ import annotations

import torch

from ganplugin.train.translate.pool import Pool


def test_a_pool_fills_and_then_gives_half_of_the_time_an_earlier_picture() -> None:
    pool, random = Pool(3), torch.Generator().manual_seed(0)
    numbered = torch.arange(400.0).view(-1, 1, 1, 1)
    first = pool.exchange(numbered[:3], random)
    assert torch.equal(first, numbered[:3])
    earlier = 0
    for made in numbered[3:].split(1):
        before = {float(picture) for picture in pool.pictures}
        shown = pool.exchange(made, random)
        after = {float(picture) for picture in pool.pictures}
        if not torch.equal(shown, made):
            earlier += 1
            assert float(shown) in before
            assert after == before - {float(shown)} | {float(made)}
        else:
            assert after == before
    assert 160 < earlier < 240


def test_what_is_kept_takes_no_gradient_and_does_not_change_with_the_picture() -> None:
    pool, made = Pool(2), torch.zeros(1, 1, 2, 2, requires_grad=True)
    shown = pool.exchange(made, torch.Generator())
    assert not shown.requires_grad
    with torch.no_grad():
        made += 1
    assert pool.pictures[0].sum() == 0
