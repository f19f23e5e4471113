"""scripts/wheelhouse.py: which file of uv.lock a machine gets, who has none, and that a digest is of every file."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

REPO = Path(__file__).resolve().parents[3]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("siaga_wheelhouse", REPO / "scripts" / "wheelhouse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


wheelhouse = _load()


def lock(*files: str, name: str = "line", sdist: bool = True) -> dict[str, Any]:
    package: dict[str, Any] = {"name": name, "version": "1.0"}
    package["wheels"] = [
        {"url": f"https://pypi.example/{one}", "hash": f"sha256:{n:064x}"} for n, one in enumerate(files)
    ]
    if sdist:
        package["sdist"] = {"url": f"https://pypi.example/{name}-1.0.tar.gz", "hash": f"sha256:{99:064x}"}
    return {"package": [package]}


def chosen(arch: str, *files: str) -> str:
    (pin,) = wheelhouse.choose([Requirement("line==1.0")], lock(*files), arch)
    return str(pin.file)


PURE = "line-1.0-py3-none-any.whl"
ARM = "line-1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
INTEL = "line-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_a_machine_gets_the_wheel_of_its_own_processor_before_a_pure_one() -> None:
    assert chosen("aarch64", PURE, INTEL, ARM) == ARM
    assert chosen("x86_64", PURE, INTEL, ARM) == INTEL
    assert chosen("x86_64", PURE, ARM) == PURE


@pytest.mark.parametrize(
    "file",
    [
        "line-1.0-cp311-cp311-manylinux_2_39_x86_64.whl",  # a newer glibc than Debian 12's
        "line-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "line-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "line-1.0-cp311-cp311-macosx_11_0_arm64.whl",
        "line-1.0-cp312-abi3-manylinux_2_17_x86_64.whl",
        "not a wheel.whl",
    ],
)
def test_who_has_no_wheel_is_named(file: str) -> None:
    with pytest.raises(wheelhouse.WheelhouseError, match=r"no wheel for x86_64.*: line 1\.0; "):
        chosen("x86_64", file)


def test_all_who_have_no_wheel_are_named_at_once() -> None:
    both = {"package": lock(ARM)["package"] + lock(ARM, name="frame")["package"]}
    with pytest.raises(wheelhouse.WheelhouseError, match=r": line 1\.0, frame 1\.0; "):
        wheelhouse.choose([Requirement("line==1.0"), Requirement("frame==1.0")], both, "x86_64")


def test_what_is_for_another_machine_is_left_out() -> None:
    only_arm = Requirement("line==1.0; platform_machine == 'aarch64' and sys_platform == 'linux'")
    assert wheelhouse.choose([only_arm], lock(PURE), "x86_64") == []
    assert len(wheelhouse.choose([only_arm], lock(PURE), "aarch64")) == 1
    assert wheelhouse.choose([Requirement("line==1.0; python_full_version >= '3.12'")], lock(PURE), "aarch64") == []


def test_what_is_built_here_is_taken_as_source_by_its_hash() -> None:
    (pin,) = wheelhouse.choose([Requirement("cobs==1.0")], lock(INTEL, name="cobs"), "x86_64")
    assert (pin.file, pin.sha256) == ("cobs-1.0.tar.gz", f"{99:064x}")
    with pytest.raises(wheelhouse.WheelhouseError, match=r"cobs 1\.0"):
        wheelhouse.choose([Requirement("cobs==1.0")], lock(INTEL, name="cobs", sdist=False), "x86_64")


@pytest.mark.slow
def test_each_package_that_is_locked_has_a_wheel_for_both_machines() -> None:
    locked = tomllib.loads((REPO / "uv.lock").read_text(encoding="utf-8"))
    for extras in wheelhouse.ROLES.values():
        wanted = wheelhouse.exported(extras)
        assert len(wanted) > 10
        for arch in wheelhouse.ARCHITECTURES:
            assert all(len(pin.sha256) == 64 for pin in wheelhouse.choose(wanted, locked, arch))


def test_the_tools_that_build_siaga_are_those_of_pyproject() -> None:
    pyproject = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(pyproject["build-system"]["requires"]) <= set(wheelhouse.BUILD_TOOLS)
    assert set(pyproject["tool"]["uv"]["no-binary-package"]) <= set(wheelhouse.BUILT)
    for name, variables in pyproject["tool"]["uv"]["extra-build-variables"].items():
        assert wheelhouse.BUILT[name] == variables


def test_requirements_have_one_hash_each_in_a_fixed_order() -> None:
    pins = [wheelhouse.Pin("b", "2", "b.whl", "1" * 64), wheelhouse.Pin("a", "1", "a.whl", "2" * 64)]
    assert wheelhouse.requirements(pins) == f"a==1 --hash=sha256:{'2' * 64}\nb==2 --hash=sha256:{'1' * 64}\n"


def test_the_digest_is_of_every_name_and_hash() -> None:
    files = {"a.whl": "1" * 64, "requirements-edge.txt": "2" * 64}
    told = wheelhouse.manifest("0.1.0", "aarch64", files)
    assert told == json.loads(json.dumps(told))
    assert told["digest"] == wheelhouse.manifest("0.1.0", "aarch64", dict(reversed(files.items())))["digest"]
    others = ({**files, "a.whl": "3" * 64}, {"b.whl": "1" * 64, "requirements-edge.txt": "2" * 64}, {"a.whl": "1" * 64})
    assert len({told["digest"], *(wheelhouse.manifest("0.1.0", "aarch64", one)["digest"] for one in others)}) == 4
