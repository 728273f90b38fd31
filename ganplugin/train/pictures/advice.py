"""What a report means for training, in plain words: each rule looks at one thing and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ganplugin.train.pictures.report import Advice, Report

__all__ = ["advise"]

_FEW, _SOME = 100, 1000
_UNLIKE = 0.15
_MANY = 0.5
_NOTABLE = 0.02
_RARE_CLASS = 0.2
_BIG_BYTES = 4 * 2**30
_FASTGAN_SIDES = (64, 128, 256, 512, 1024)


def advise(report: Report) -> Report:
    """Return the report with its advice, the weightiest first."""
    return report.model_copy(update={"advice": tuple(advice for rule in _RULES for advice in rule(report))})


def _number(report: Report) -> Iterator[Advice]:
    count = report.packed_pictures if report.policy.way == "patches" else report.pictures - report.duplicate_count()
    if not report.pictures:
        yield Advice(what="No picture can be read.", fix="See the reasons below.")
    elif count < _FEW and _are_large(report):
        fix = "Cut pieces out of them: --policy patches --count 10000. It will learn brushwork, not layout."
        what = _some(count, "picture is", "pictures are") + " too few for any recipe, but large."
        yield Advice(what=what, fix=fix)
    elif count < _FEW:
        recipe = "fastgan" if _suits_fastgan(report) else "quick"
        fix = f"Find more, or go on from a trained model (--from); {recipe} is the only recipe that may give something."
        what = _some(count, "picture is", "pictures are") + " too few to learn what they have in common."
        yield Advice(what=what, fix=fix)
    elif count < _SOME:
        recipes = "fastgan or quick, which augment" if _suits_fastgan(report) else "quick, which augments"
        fix = f"Use --recipe {recipes}; r3-small, dcgan and stylegan2 would learn them by heart."
        yield Advice(what=f"{count} pictures are few for a GAN.", fix=fix)


def _suits_fastgan(report: Report) -> bool:
    policy = report.policy
    return policy.width == policy.height and policy.width in _FASTGAN_SIDES and not policy.classes


def _some(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _are_large(report: Report) -> bool:
    policy, median = report.policy, report.median
    return median is not None and min(median[0] / policy.width, median[1] / policy.height) >= 4


def _duplicates(report: Report) -> Iterator[Advice]:
    twice = report.duplicate_count()
    if twice >= max(1, _NOTABLE * report.pictures):
        what = _some(twice, "file is a copy of another", "files are copies of others")
        what += ": what they show will be made too often."
        yield Advice(what=what, fix="Delete the copies (--json lists them).")
    near = sum(len(group) - 1 for group in report.near_duplicates)
    if near >= max(1, _NOTABLE * report.pictures):
        what = _some(near, "picture looks nearly the same as another.", "pictures look nearly the same as others.")
        fix = "Keep one of each unless they should be frequent (--json lists them). A split keeps such twins together."
        yield Advice(what=what, fix=fix)


def _alpha(report: Report) -> Iterator[Advice]:
    if report.transparent and report.policy.channels != 4:
        share = report.transparent / report.pictures
        ground = "white" if set(report.policy.background) == {255} else "the background"
        yield Advice(
            what=f"{_part(share)} of the pictures are transparent in places and lie on {ground} here.",
            fix="Keep the alpha with --channels 4, or choose another ground with --background.",
        )
    if report.mostly_clear > _NOTABLE * report.pictures:
        what = _some(report.mostly_clear, "picture is", "pictures are") + " empty for more than nine tenths."
        yield Advice(what=what, fix="Crop them to what they show.")
    if report.policy.channels == 4 and not report.transparent:
        yield Advice(what="No picture is transparent.", fix="Leave out --channels 4: it costs time and gives nothing.")


def _sizes(report: Report) -> Iterator[Advice]:
    way = report.policy.way
    if way == "patches" and report.enlarged:
        what = _some(
            report.enlarged, "picture is smaller than a patch and gives", "pictures are smaller than a patch and give"
        )
        what += " none."
        yield Advice(what=what, fix="Choose a smaller --size if they matter.")
    elif report.enlarged > _NOTABLE * report.pictures:
        what = _some(report.enlarged, "picture is", "pictures are")
        what += f" smaller than {report.policy.width} x {report.policy.height} and will be enlarged,"
        what += f" up to {report.largest_enlargement:.1f} times: the generator will learn the blur."
        yield Advice(what=what, fix="Choose a smaller --size, or leave them out.")
    if way == "crop" and report.cut_off > _UNLIKE:
        what = f"The centre crop cuts off {report.cut_off:.0%} of the pictures on average."
        yield Advice(what=what, fix=_other_way(report))


def _other_way(report: Report) -> str:
    policy, shapes = report.policy, report.shapes
    main = max(shapes, key=lambda name: shapes[name])
    if policy.width == policy.height and main != "square" and shapes[main] > 0.8 * report.pictures:
        half = 3 * policy.width // 2
        size = f"{half}x{policy.height}" if main == "wide" else f"{policy.width}x{half}"
        return f"Most are {main}: try --size {size}, or show all of each with --policy pad."
    return "Show all of each with --policy pad, or look at --sheet whether what matters is in the middle."


def _colours(report: Report) -> Iterator[Advice]:
    if report.pictures and report.grey == report.pictures and report.policy.channels in (3, 4):
        yield Advice(what="All pictures are grey.", fix="--channels 1 trains quicker.")
    elif report.grey > 5 * _NOTABLE * report.pictures and report.channels != 1 and report.grey < report.pictures:
        what = _some(report.grey, "picture is", "pictures are") + " grey among coloured ones."
        yield Advice(what=what, fix="Leave them out unless grey pictures should be made.")
    if report.flat > _NOTABLE * report.pictures:
        what = _some(report.flat, "picture is", "pictures are") + " almost one single colour."
        yield Advice(what=what, fix="Leave them out: the generator would make them first and stay there.")


def _classes(report: Report) -> Iterator[Advice]:
    counts = report.classes
    if len(counts) < 2:
        return
    if not report.policy.classes:
        what = f"The pictures lie in {len(counts)} folders."
        yield Advice(what=what, fix="If these are kinds of picture, --classes lets you ask for one of them later.")
        return
    rarest = min(counts, key=lambda name: counts[name])
    if counts[rarest] < _RARE_CLASS * report.pictures / len(counts):
        what = f"The class {rarest!r} has {_some(counts[rarest], 'picture', 'pictures')}, far fewer than the others."
        yield Advice(what=what, fix="Add some, merge it with another, or expect little of it.")


def _broken(report: Report) -> Iterator[Advice]:
    if report.broken:
        what = _some(len(report.broken), "file cannot be read and is", "files cannot be read and are") + " left out."
        yield Advice(what=what, fix="Mend or delete them; the reasons are below.")


def _memory(report: Report) -> Iterator[Advice]:
    if report.packed_bytes > _BIG_BYTES:
        what = f"Packed they take {report.packed_bytes / 2**30:.1f} GiB."
        yield Advice(what=what, fix="Pack them with --out and train from that: it is read from disk as needed.")


def _part(share: float) -> str:
    return "All" if share == 1 else "Nearly all" if share > 0.95 else "Most" if share > _MANY else f"{share:.0%}"


_RULES: tuple[Callable[[Report], Iterator[Advice]], ...] = (
    _number,
    _broken,
    _duplicates,
    _alpha,
    _sizes,
    _colours,
    _classes,
    _memory,
)
