"""Writing files so that a stop at any moment leaves the old file or the new one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_battery.errors import InputError

__all__ = ["atomic_path", "fingerprint", "write_json", "write_text"]

_WHOLE_BYTES = 256 * 2**20
_PART_BYTES = 16 * 2**20


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
        ``"sha256:…"`` or ``"sha256-of-ends:…"``; ``"folder"`` for a folder.
    """
    path = Path(path)
    if path.is_dir():
        return "folder"
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
