"""The project as it is installed: from a wheel and from an editable install alike."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MANIFEST = yaml.safe_load((ROOT / "napari.yaml").read_text(encoding="utf-8"))
CONTRIBUTIONS = MANIFEST["contributions"]
COMMANDS = {command["id"]: command for command in CONTRIBUTIONS["commands"]}

_ASK = """
import json, sys
from npe2 import PluginManifest
manifest = PluginManifest.from_distribution("napari-battery")
import importlib.resources as resources
samples = resources.files("napari_battery.sample_data")
print(json.dumps({
    "commands": [c.id for c in manifest.contributions.commands],
    "samples": sorted(f"{d.name}/{p.name}" for d in samples.iterdir() if d.is_dir()
                      for p in d.iterdir() if p.name.endswith(".tif")),
    "version": manifest.package_version,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, as a clean checkout would."""
    import shutil

    source = tmp_path_factory.mktemp("source") / "project"
    keep = ("src", "sample_data", "pyproject.toml", "README.md", "LICENSE", "napari.yaml")
    source.mkdir()
    for name in keep:
        path = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=ignore)
        else:
            shutil.copy(path, source / name)
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(out), str(source)],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def _ask(site: Path) -> dict[str, object]:
    """What an interpreter says that has the project from `site` and all else from here.

    Without ``-S`` the development environment's own install would answer in its place.
    """
    here = sysconfig.get_path("purelib")
    setup = f"import site, sys; site.addsitedir({str(site)!r}); sys.path.append({here!r})\n"
    done = subprocess.run(
        [sys.executable, "-S", "-c", setup + _ASK], check=True, capture_output=True, cwd=site
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_manifest_and_samples_are_found(how: str, wheel: Path, tmp_path: Path) -> None:
    what = [str(wheel)] if how == "wheel" else ["--no-build-isolation", "--editable", str(ROOT)]
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), *what],
        check=True,
        capture_output=True,
    )
    answer = _ask(site)
    assert answer["commands"] == list(COMMANDS)
    assert answer["samples"] == sorted(
        str(path.relative_to(ROOT / "sample_data")).replace("\\", "/")
        for path in (ROOT / "sample_data").rglob("*.tif")
    )


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    wanted = {
        str(path.relative_to(source)).replace("\\", "/")
        for path in (source / "napari_battery").rglob("*.py")
    }
    assert wanted <= held
    assert "napari_battery/py.typed" in held
    samples = {
        f"napari_battery/{path.relative_to(ROOT)}".replace("\\", "/")
        for path in (ROOT / "sample_data").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert samples <= held


def _references() -> list[tuple[str, str]]:
    """Every place of the manifest that names a command."""
    found = []
    for kind in ("readers", "writers", "sample_data", "widgets"):
        found += [(kind, entry["command"]) for entry in CONTRIBUTIONS[kind]]
    for menu, entries in CONTRIBUTIONS["menus"].items():
        found += [(menu, entry["command"]) for entry in entries]
    return found


@pytest.mark.parametrize(("where", "command"), _references())
def test_every_reference_names_a_declared_command(where: str, command: str) -> None:
    assert command in COMMANDS


def test_every_command_is_used() -> None:
    assert set(COMMANDS) == {command for _, command in _references()}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_imported(command: str) -> None:
    module, _, name = COMMANDS[command]["python_name"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_menus_are_ones_that_napari_shows() -> None:
    from napari._app_model.constants import MenuId

    known = {str(menu) for menu in MenuId.contributables()}
    assert set(CONTRIBUTIONS["menus"]) <= known


def test_napari_accepts_the_manifest() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()


def test_core_imports_neither_napari_nor_qt_nor_anything_slow() -> None:
    """`import napari_battery.radial` works, fast, on a server without a screen."""
    modules = ["radial", "io", "labelling", "results", "tables", "cli", "plots", "synthetic"]
    code = (
        "import sys\n"
        + "".join(f"import napari_battery.{name}\n" for name in modules)
        + "slow = {'napari', 'qtpy', 'PySide6', 'PyQt6', 'magicgui', 'torch', 'porespy', 'numba',"
        " 'matplotlib', 'skimage', 'zarr', 'h5py'}\n"
        "print(sorted(slow & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
