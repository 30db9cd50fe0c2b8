"""The layout that house rules and wheels depend on: links, package list, the wheel's top folder, borders."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("daemon", "tui", "themes")


def project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def packages_in_the_tree() -> set[str]:
    found = set()
    for top, name in (
        ("supervisor", "supervisor"),
        *((folder, f"supervisor.{folder}") for folder in FOLDERS),
    ):
        for path, folders, files in os.walk(ROOT / top):
            folders[:] = [f for f in folders if f != "__pycache__" and not (Path(path) / f).is_symlink()]
            if "__init__.py" in files:
                parts = Path(path).relative_to(ROOT / top).parts
                found.add(".".join((name, *parts)))
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_links_are_relative_and_kept(folder: str) -> None:
    link = ROOT / "supervisor" / folder
    assert link.is_symlink()
    assert os.readlink(link) == f"../{folder}"


def test_package_list_is_the_tree() -> None:
    tool = project()["tool"]
    assert isinstance(tool, dict)
    assert set(tool["setuptools"]["packages"]) == packages_in_the_tree()


def test_the_wheel_has_one_top_folder_and_all_data(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--quiet",
            "--no-build-isolation",
            "-w",
            str(tmp_path),
            ".",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "Cannot import 'setuptools.build_meta'" in done.stderr or "setuptools>=77" in done.stderr:
        pytest.skip("no current setuptools in this environment")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"supervisor"}
    for data in (
        "py.typed",
        "config/sample.conf",
        "demo/demo.conf",
        "themes/dusk.toml",
        "daemon/__main__.py",
    ):
        assert f"supervisor/{data}" in names, data


def test_the_keeper_imports_the_standard_library_only() -> None:
    code = (
        "import sys; sys.path.append(sys.argv[1]); import supervisor.daemon.keeper.keeper; "
        "print('\\n'.join(m for m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-s", "-P", "-c", code, str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(done.stdout.split())
    ours = {m for m in modules if m.partition(".")[0] == "supervisor"}
    assert ours == {
        "supervisor",
        "supervisor.daemon",
        "supervisor.daemon.keeper",
        "supervisor.daemon.keeper.begin",
        "supervisor.daemon.keeper.keeper",
        "supervisor.mounts",
        "supervisor.daemon.keeper.oomscore",
        "supervisor.daemon.keeper.orphan",
        "supervisor.daemon.keeper.pidfile",
        "supervisor.daemon.keeper.programs",
        "supervisor.daemon.keeper.roster",
        "supervisor.daemon.keeper.spawn",
        "supervisor.daemon.keeper.wire",
    }
    foreign = {
        m for m in modules - ours if m.partition(".")[0] not in sys.stdlib_module_names and m != "__main__"
    }
    assert not foreign
    assert not modules & {"asyncio", "threading", "dataclasses", "typing_extensions", "configparser"}


def test_generated_documents_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make_reference.py"), "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
