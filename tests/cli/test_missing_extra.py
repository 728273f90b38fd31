"""Without the extra that a command needs: one line that names it; and what needs no extra works without."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEPENDENCY = 9


@pytest.mark.parametrize(
    ("arguments", "doing"),
    [
        (("train", "generator", "photos"), "training"),
        (("train", "style", "photos/cat.jpg", "--photos", "photos", "--features", "f.pth"), "training"),
        (("export", "net.pt"), "reading checkpoints"),
        (("inspect", "photos/cat.jpg"), "reading checkpoints"),
    ],
)
def test_a_command_without_torch_names_the_extra(here, arguments, doing):
    code = "import sys; sys.modules['torch'] = None; from ganplugin.cli import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.stderr == f"ganplugin: {doing} needs torch - install it with: pip install 'ganplugin[train]'\n"
    assert done.returncode == DEPENDENCY


def test_builtin_models_are_inspected_by_name(run):
    done = run("inspect", "builtin:brushwork")
    assert done.code == 0
    assert "generator" in done.out


def test_an_unknown_builtin_is_named_by_inspect(run):
    done = run("inspect", "builtin:brushwrk")
    assert (done.code, "did you mean 'brushwork'" in done.err) == (2, True)
