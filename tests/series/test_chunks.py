from __future__ import annotations

from ganplugin.series.chunks import Chunks
from ganplugin.series.entries import Failed, Judged
from ganplugin.series.plan import Piece
from ganplugin.series.workshop import Job

DIGEST = "0" * 64


def jobs(*sizes: int):
    start = 0
    for size in sizes:
        yield Job("judge", tuple(Piece(index, {}, {}) for index in range(start, start + size)))
        start += size


def judged(seconds: float) -> Judged:
    return Judged(piece=0, digest=DIGEST, score=0, look="", seconds=seconds)


def pieces(chunk: tuple[Job, ...]) -> list[list[int]]:
    return [[piece.index for piece in job.pieces] for job in chunk]


def test_jobs_are_cut_and_put_together_in_order_and_none_is_lost():
    chunks = Chunks(jobs(3, 2, 6))
    assert pieces(chunks.next()) == [[0, 1, 2], [3]]
    assert pieces(chunks.next()) == [[4], [5, 6, 7]]
    assert not chunks.is_empty()
    assert pieces(chunks.next()) == [[8, 9, 10]]
    assert chunks.is_empty()
    assert chunks.next() == ()


def test_chunks_take_about_two_seconds_whatever_a_piece_takes():
    for seconds, size in ((0.25, 8), (0.0001, 64), (30.0, 1)):
        chunks = Chunks(jobs(32, 32, 32))
        chunks.note(judged(seconds))
        assert sum(map(len, pieces(chunks.next()))) == size


def test_pieces_that_failed_say_nothing_of_time():
    chunks = Chunks(jobs(32))
    chunks.note(Failed(piece=0, digest=DIGEST, error="", kind="InputError"))
    assert sum(map(len, pieces(chunks.next()))) == 4
