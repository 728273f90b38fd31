from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from ganplugin import builtin, doctor
from ganplugin.cli.doctor import command
from ganplugin.devices import BOTH_WHEELS_FIX
from ganplugin.doctor import Check, Report, examine
from ganplugin.errors import DependencyError
from ganplugin.plugins import Plugin
from tests import fake_runtime
from tests.fake_runtime import FakeRuntime


def found(name: str) -> Check:
    (check,) = [check for check in examine().checks if check.name == name]
    return check


@pytest.fixture
def runtime(monkeypatch):
    from ganplugin import sessions

    fake = FakeRuntime()
    for place in (doctor, sessions):
        monkeypatch.setattr(place, "load_onnxruntime", lambda: fake)
    monkeypatch.setattr(sessions, "both_wheels_installed", lambda: False)
    return fake


def test_this_environment_renders():
    report = examine()
    assert report.can_render
    assert {check.section for check in report.checks} == {"system", "packages", "devices", "disk", "plugins", "models"}
    assert found("cpu") == Check("devices", "cpu", "ok", "works")
    assert found("Python").found.startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert all(check.fix for check in report.problems)


def test_a_device_that_is_listed_but_does_not_load_is_named_with_its_fix(runtime):
    runtime.listed = [fake_runtime.TENSORRT, fake_runtime.CUDA, fake_runtime.CPU]
    assert found("cuda").status == "warning"
    assert "did not come up" in found("cuda").found
    assert "onnxruntime-gpu[cuda,cudnn]" in found("cuda").fix
    assert found("tensorrt").status == "info"
    assert found("directml").found == "not part of this onnxruntime"
    assert examine().can_render


def test_a_device_that_works_is_said_to_work(runtime):
    runtime.working.add(fake_runtime.CUDA)
    assert found("cuda") == Check("devices", "cuda", "ok", "works")


def test_a_device_that_computes_wrongly_or_not_at_all_is_found_out(runtime, monkeypatch):
    monkeypatch.setattr(doctor, "_double", lambda session: [2.0, 4.0, 0.0])
    assert found("cpu").status == "failure"
    assert "computes wrongly" in found("cpu").found

    def crash(session):
        raise RuntimeError("illegal instruction")

    monkeypatch.setattr(doctor, "_double", crash)
    assert found("cpu").found == "fails when used: illegal instruction"
    assert not examine().can_render


def test_without_onnxruntime_nothing_can_be_rendered(monkeypatch):
    def missing():
        raise DependencyError("onnxruntime is not installed", fix='run: pip install "ganplugin[cpu]"')

    monkeypatch.setattr(doctor, "load_onnxruntime", missing)
    report = examine()
    assert not report.can_render
    assert report.problems[0] == Check(
        "devices", "onnxruntime", "failure", "onnxruntime is not installed", 'run: pip install "ganplugin[cpu]"'
    )


def versions(monkeypatch, **changes):
    known = dict.fromkeys((*doctor._BASE, "ganplugin", "onnxruntime"), "1.0")
    known |= {name.replace("_", "-"): version for name, version in changes.items()}
    monkeypatch.setattr(doctor, "installed", lambda name: known.get(name))


def test_a_missing_package_is_a_failure_with_its_line(monkeypatch):
    versions(monkeypatch, pillow=None)
    assert found("pillow") == Check("packages", "pillow", "failure", "missing", "run: pip install pillow")


def test_without_onnx_devices_are_not_tried(monkeypatch):
    original = doctor.importlib.util.find_spec
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name == "onnx" else original(name))
    assert found("all").status == "failure"


def test_both_wheels_are_a_problem_with_one_fix(monkeypatch):
    monkeypatch.setattr(doctor, "both_wheels_installed", lambda: True)
    assert BOTH_WHEELS_FIX in [problem.fix for problem in examine().problems]


def test_missing_extras_come_with_their_install_line(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name in ("torch", "av") else True)
    assert (found("torch").status, found("torch").fix) == ("info", 'run: pip install "ganplugin[train]"')
    assert found("av").fix == 'run: pip install "ganplugin[video]"'


def test_a_gpu_without_the_gpu_wheel_is_pointed_out(monkeypatch):
    versions(monkeypatch)
    monkeypatch.setattr(doctor, "nvidia_cards", lambda: ["RTX 9090, 600.1, 48000 MiB"])
    assert found("NVIDIA GPU").found == "RTX 9090, 600.1, 48000 MiB"
    assert "ganplugin[gpu]" in found("GPU rendering").fix


def test_a_stray_folder_that_hides_the_package_is_found(tmp_path, monkeypatch):
    (tmp_path / "ganplugin").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    check = found("stray folder")
    assert check.status == "warning"
    assert str(tmp_path / "ganplugin") in check.found


def test_disks_that_are_full_or_read_only_are_warned_of(tmp_path, monkeypatch):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "not" / "yet"))
    assert found("cache").status == "ok"
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: SimpleNamespace(free=2**20))
    assert found("cache").fix == "free some space"
    monkeypatch.setattr(doctor.os, "access", lambda place, mode: False)
    assert "cannot be written" in found("this folder").found


def test_plugins_are_listed_and_bad_ones_named(monkeypatch):
    plugins = (Plugin("g", "good", "nice"), Plugin("g", "bad", "nasty", error="ZeroDivisionError: division by zero"))
    monkeypatch.setattr(doctor, "load_plugins", lambda group: plugins if group == doctor.PLUGIN_GROUPS[0] else ())
    assert found("good (g)").status == "ok"
    assert found("bad (g)").found == "nasty: ZeroDivisionError: division by zero"


def test_damaged_builtin_models_are_named(monkeypatch):
    monkeypatch.setattr(builtin, "verify_builtins", lambda: ("icons",))
    assert "icons" in found("builtin models").found


def test_a_section_that_cannot_be_examined_does_not_stop_the_others(monkeypatch):
    def lost():
        raise FileNotFoundError("the working folder is gone")

    monkeypatch.setattr(doctor.Path, "cwd", lost)
    assert found("disk").found == "cannot be examined: FileNotFoundError: the working folder is gone"
    assert found("builtin models").section == "models"


def test_failures_come_before_warnings():
    bad, good, worse = Check("a", "b", "warning", ""), Check("a", "c", "ok", ""), Check("a", "d", "failure", "")
    report = Report((bad, good, worse))
    assert report.problems == (worse, bad)
    assert not report.can_render
    assert Report((bad, good)).can_render


def show(monkeypatch, *checks, arguments=()):
    monkeypatch.setattr(doctor, "examine", lambda: Report(checks))
    return CliRunner().invoke(command, [*arguments], standalone_mode=False)


def test_the_command_shows_every_check_and_the_fix_of_each_problem(monkeypatch):
    result = show(monkeypatch, Check("disk", "[cache]", "warning", "nearly [full]", "free [some] space"))
    assert result.return_value == 0
    for text in (
        "[cache]",
        "nearly [full]",
        "free [some] space",
        "Everything that rendering needs works. Problems: 1.",
    ):
        assert text in result.output


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "✗"), ("cp1252", "x")])
def test_marks_fit_the_terminal(encoding, mark):
    code = (
        "from ganplugin import doctor; from ganplugin.cli.doctor import command; "
        "doctor.examine = lambda: doctor.Report((doctor.Check('disk', 'cache', 'failure', 'full', 'free some'),)); "
        "command(standalone_mode=False, args=[])"
    )
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True, timeout=120)
    assert f"{mark} cache: full" in done.stdout.decode(encoding)


def test_the_command_fails_only_if_nothing_can_be_rendered(monkeypatch):
    assert show(monkeypatch, Check("packages", "onnx", "failure", "missing", "run: …")).return_value == 1


def test_the_command_speaks_json(monkeypatch):
    check = Check("system", "Python", "ok", "3.11")
    result = show(monkeypatch, check, arguments=["--json"])
    assert json.loads(result.output) == {
        "can_render": True,
        "checks": [{"section": "system", "name": "Python", "status": "ok", "found": "3.11", "fix": ""}],
    }


def test_json_is_clean_even_where_a_gpu_complains():
    done = subprocess.run(
        [sys.executable, "-m", "ganplugin", "doctor", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert json.loads(done.stdout)["can_render"] is (done.returncode == 0)


def test_without_a_card_that_is_said_and_no_failure(monkeypatch):
    monkeypatch.setattr(doctor, "nvidia_cards", list)
    assert found("NVIDIA GPU") == Check("system", "NVIDIA GPU", "info", "none found")
