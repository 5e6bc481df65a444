from __future__ import annotations

from pathlib import Path

import pytest

from napari_battery.errors import InputError
from napari_battery.files import (
    atomic_path,
    check_replaceable,
    fingerprint,
    write_json,
    write_text,
)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_folder_keeps_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "results"
    target.mkdir()
    (target / "a").write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "a").write_text("half")
        raise RuntimeError
    assert (target / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "results"
    target.mkdir()
    (target / "old").touch()
    with atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # the tests may run as root
    with pytest.raises(InputError, match="no permission"):
        write_text(tmp_path / "a.txt", "x")


def test_json_is_utf8(tmp_path: Path) -> None:
    write_json(tmp_path / "µ.json", {"unit": "µm"})
    assert '"µm"' in (tmp_path / "µ.json").read_text(encoding="utf-8")


def test_fingerprint_tells_files_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_battery.files._WHOLE_BYTES", 100)
    monkeypatch.setattr("napari_battery.files._PART_BYTES", 10)
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x" * 100)
    large.write_bytes(b"x" * 101)
    assert fingerprint(small).startswith("sha256:")
    before = fingerprint(large)
    assert before.startswith("sha256-of-ends:")
    large.write_bytes(b"x" * 100 + b"y")
    assert fingerprint(large) != before


def test_fingerprint_tells_folders_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "slices"
    (folder / "c").mkdir(parents=True)
    (folder / "c" / "0").write_bytes(b"ab")
    seen = {fingerprint(folder)}
    (folder / "c" / "0").write_bytes(b"ba")
    seen.add(fingerprint(folder))
    (folder / "c" / "0").rename(folder / "c" / "1")
    seen.add(fingerprint(folder))
    assert len(seen) == 3
    assert all(text.startswith("sha256-of-files:") for text in seen)
    assert fingerprint(folder) == fingerprint(folder.rename(tmp_path / "moved"))
    monkeypatch.setattr("napari_battery.files._WHOLE_BYTES", 1)
    assert fingerprint(tmp_path / "moved").startswith("sha256-of-sizes:")


def test_only_folders_of_earlier_runs_are_replaced(tmp_path: Path) -> None:
    ours = ("made.json", "table.csv")
    folder = tmp_path / "run"
    check_replaceable(folder, ours, "made.json")
    folder.mkdir()
    check_replaceable(folder, ours, "made.json")
    for name in (*ours, ".DS_Store"):
        (folder / name).touch()
    check_replaceable(folder, ours, "made.json")
    (folder / "labels.tif").touch()
    with pytest.raises(InputError, match=r"other files \(labels.tif\)"):
        check_replaceable(folder, ours, "made.json")
    (folder / "labels.tif").unlink()
    (folder / "made.json").unlink()
    with pytest.raises(InputError, match=r"other files \(table.csv\)"):
        check_replaceable(folder, ours, "made.json")
