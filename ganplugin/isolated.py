"""A model run in a process of its own, so that what a native library does to that process, it does not do to this one.

onnxruntime is trusted with graphs of unknown origin while they are tried and proved: a crash there is an error here,
and the memory that sessions keep is given back when the process ends. Both sides speak in frames over pipes: a JSON
head with its length before it, then the numbers of the arrays that it names.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.devices import CPU
from ganplugin.errors import DependencyError, GanPluginError, ModelError
from ganplugin.native_output import STDERR, STDOUT, captured
from ganplugin.sessions import SessionSpec, create_session, load_onnxruntime, runtime_errors, short_reason

__all__ = ["IsolatedSession", "read_frame", "serve", "write_frame"]

Arrays = Mapping[str, NDArray[np.generic]]

_LENGTH: Final = struct.Struct("<I")
_THREADS: Final = 2
# Without the first entry of the path, which would let a file in the current folder stand in for a package.
_PROGRAM: Final = "import sys; del sys.path[0]; from ganplugin.isolated import main; main(sys.argv[1:])"


class IsolatedSession:
    """An ONNX file, ours or foreign, opened by onnxruntime on the CPU in a process of its own.

    Raises `ModelError` if onnxruntime refuses the file or crashes
    on it, `DependencyError` if it is not installed. Use it as a context manager, or `close` it.
    """

    def __init__(self, path: Path, *, threads: int = _THREADS) -> None:
        self._path = path
        command = [sys.executable, "-c", _PROGRAM, str(path.absolute()), str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def run(self, feeds: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Return the named outputs; only what they need is computed.

        Raises `ModelError` if the run fails or crashes.
        """
        self.begin(feeds, outputs)
        return self.finish()

    def begin(self, feeds: Arrays, outputs: Sequence[str]) -> None:
        """Start a run whose results `finish` returns; the caller may compute something else meanwhile."""
        stream = self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # `finish` tells why the process is gone
            if stream is not None:
                write_frame(stream, {"outputs": list(outputs)}, feeds)

    def finish(self) -> dict[str, NDArray[np.generic]]:
        """Return what `begin` asked for. Raises as `run` does."""
        return self._answer()

    def _answer(self) -> dict[str, NDArray[np.generic]]:
        stream = self._process.stdout
        frame = None if stream is None else read_frame(stream)
        if frame is None:
            code = self._process.wait()
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise ModelError(f"crashes onnxruntime ({how})", where=self._path)
        head, arrays = frame
        if "error" in head:
            kind = DependencyError if head["error"] == DependencyError.__name__ else ModelError
            raise kind(head["what"], where=head["where"], fix=head["fix"])
        return arrays

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def __enter__(self) -> IsolatedSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_frame(stream: IO[bytes], head: Mapping[str, object], arrays: Arrays) -> None:
    """Write a JSON head and arrays of numbers as one frame."""
    plain = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    places = [(name, array.dtype.str, array.shape) for name, array in plain.items()]
    text = json.dumps({**head, "arrays": places}).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    for array in plain.values():
        stream.write(array.tobytes())
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]] | None:
    """Return the head and the arrays of the next frame, or None if the stream ends before or within it."""
    try:
        (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
        head = json.loads(_exactly(stream, length))
        return head, {name: _array(stream, np.dtype(dtype), shape) for name, dtype, shape in head.pop("arrays")}
    except EOFError:
        return None


def _array(stream: IO[bytes], dtype: np.dtype[Any], shape: Sequence[int]) -> NDArray[np.generic]:
    content = _exactly(stream, math.prod(shape) * dtype.itemsize)
    return np.frombuffer(bytearray(content), dtype).reshape(shape)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


def main(arguments: Sequence[str]) -> None:
    """Be the other process: ``PATH THREADS``, frames on the standard streams."""
    path, threads = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it closes the stream
    with os.fdopen(os.dup(STDOUT), "wb") as answers:
        os.dup2(STDERR, STDOUT)  # native libraries print there too
        serve(SessionSpec(Path(path), CPU, int(threads)), sys.stdin.buffer, answers)


def serve(spec: SessionSpec, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Open a session and answer every frame of ``questions`` with one of ``answers``; the first answers the opening."""
    try:
        session = create_session(spec)
    except GanPluginError as error:
        write_frame(answers, _told(error), {})
        return
    write_frame(answers, {}, {})
    while (frame := read_frame(questions)) is not None:
        head, feeds = frame
        try:
            found = _computed(session, feeds, head["outputs"])
        except runtime_errors() as error:
            failure = ModelError(f"fails when it runs: {short_reason(str(error))}", where=spec.path)
            write_frame(answers, _told(failure), {})
        else:
            write_frame(answers, {}, found)


def _computed(session: Any, feeds: Arrays, outputs: list[str]) -> Arrays:  # noqa: ANN401 - onnxruntime.InferenceSession
    options = load_onnxruntime().RunOptions()
    options.only_execute_path_to_fetches = True
    with captured(STDERR):
        return dict(zip(outputs, session.run(outputs, dict(feeds), options), strict=True))


def _told(error: GanPluginError) -> dict[str, object]:
    return {"error": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}
