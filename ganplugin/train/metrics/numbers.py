"""Every number of the metrics and what it means in plain words; readable without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["NUMBERS", "Number"]


@dataclass(frozen=True)
class Number:
    """One number of a metric: ``best`` is ``low``, ``high``, or the value that perfect samples have."""

    name: str
    title: str
    best: Literal["low", "high"] | float
    words: str
    seen_by: Literal["backbone", "pixels", "discriminator"] = "backbone"


NUMBERS: Final[Mapping[str, Number]] = {
    number.name: number
    for number in (
        Number("kid", "KID", "low", "how far the crowd of samples is from the crowd of real pictures"),
        Number("kid_std", "KID ±", "low", "how much KID varies between random parts of the same pictures"),
        Number("fid", "FID", "low", "the same as KID by mean and spread alone; too high for few pictures"),
        Number("is", "IS", "high", "clear kinds and many of them, in the classes that the network learned"),
        Number("is_std", "IS ±", "low", "how much IS varies between tenths of the samples"),
        Number("precision", "precision", "high", "part of the samples that could pass for real ones"),
        Number("recall", "recall", "high", "part of the real pictures that the samples come near to"),
        Number("density", "density", 1.0, "as precision: how thick samples lie where real pictures are"),
        Number("coverage", "coverage", "high", "as recall: part of the real pictures with a sample near"),
        Number("diversity", "diversity", 1.0, "distance of two samples over that of two real ones; small: collapse"),
        Number("duplicates", "duplicates", "low", "part of the samples nearly equal to another; 0.01 is usual"),
        Number("support", "support", "high", "so many different pictures there may be, by the doubles"),
        Number("spectrum", "spectrum", "low", "difference of detail at all scales, in dB", "pixels"),
        Number("sharpness", "sharpness", 0.0, "fine detail in dB; below 0: blurred, above 0: grainy", "pixels"),
        Number("checkerboard", "checkerboard", 0.0, "pattern of 2 or 4 pixels in dB; 3 shows", "pixels"),
        Number("copies", "copies", "low", "part of the samples nearly equal to a training picture; 0.01 is usual"),
        Number("nearest_ratio", "nearest ratio", 1.0, "distance to training over that to unseen ones; below 1: copies"),
        Number(
            "percentile",
            "percentile",
            50.0,
            "mean place of a sample among training pictures in the discriminator's eye",
            "discriminator",
        ),
    )
}
"""Every number by name."""
