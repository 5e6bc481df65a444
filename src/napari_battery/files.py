"""Writing files so that a stop at any moment leaves the old file or the new one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_battery.errors import InputError

__all__ = ["atomic_path", "check_replaceable", "fingerprint", "write_json", "write_text"]

_WHOLE_BYTES = 256 * 2**20
_PART_BYTES = 16 * 2**20
_OF_THE_SYSTEM = (".DS_Store", "Thumbs.db", "desktop.ini")


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place once the block ends well.

    Serves files and folders. On any exception (also `Cancelled`) the temporary
    is removed and whatever stood at `path` before stays.

    Yields
    ------
    Path
        Where to write; has the suffixes of `path`.

    Raises
    ------
    InputError
        If the folder does not exist or may not be written to.
    """
    path = Path(path)
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"Cannot write {path}: the folder {folder} does not exist.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"Cannot write {path}: no permission to write to {folder}.")
    temporary = folder / f".{uuid.uuid4().hex[:12]}.{path.name}"
    try:
        yield temporary
        if path.is_dir() and temporary.is_dir():
            old = folder / f".{uuid.uuid4().hex[:12]}.old"
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def check_replaceable(folder: Path, ours: Collection[str], mark: str) -> None:
    """Refuse to replace a folder that holds anything but what an earlier run wrote there.

    Parameters
    ----------
    folder : Path
        Need not exist.
    ours : collection of str
        Names of all files and folders that such a run writes.
    mark : str
        The one that it always writes.

    Raises
    ------
    InputError
        If something else stands in the folder, or in its place.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"Cannot write the folder {folder}: a file of that name stands there.")
    there = {path.name for path in folder.iterdir()} - set(_OF_THE_SYSTEM)
    others = sorted(there if mark not in there else there - set(ours))
    if others:
        raise InputError(
            f"{folder} holds other files ({', '.join(others[:3])}{', …' if others[3:] else ''}), "
            "which would be lost; name a new folder, or move them."
        )


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON atomically, indented, UTF-8."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def fingerprint(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, to tell later whether an input is still the same.

    Files above 256 MiB are identified by their size and their first and last
    16 MiB, in the same time whatever their size; the result says so.

    Returns
    -------
    str
        ``"sha256:…"`` or ``"sha256-of-ends:…"``. For a folder (slices, OME-Zarr)
        ``"sha256-of-files:…"`` of all names and contents, or above 256 MiB
        ``"sha256-of-sizes:…"`` of all names and sizes.
    """
    path = Path(path)
    if path.is_dir():
        return _fingerprint_of_folder(path)
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= _WHOLE_BYTES:
            while chunk := file.read(_PART_BYTES):
                digest.update(chunk)
            return f"sha256:{digest.hexdigest()}"
        digest.update(str(size).encode())
        digest.update(file.read(_PART_BYTES))
        file.seek(-_PART_BYTES, os.SEEK_END)
        digest.update(file.read(_PART_BYTES))
    return f"sha256-of-ends:{digest.hexdigest()}"


def _fingerprint_of_folder(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if path.name not in _OF_THE_SYSTEM]
    whole = sum(path.stat().st_size for path in files) <= _WHOLE_BYTES
    digest = hashlib.sha256()
    for path in files:
        content = fingerprint(path) if whole else path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\0".encode())
    return f"sha256-of-{'files' if whole else 'sizes'}:{digest.hexdigest()}"
