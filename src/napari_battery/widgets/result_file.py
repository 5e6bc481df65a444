"""Where a result goes: into memory, or to a file the person named or that a large one needs."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_battery.volume import Volume

__all__ = ["ResultFile"]

_MEMORY_SHARE = 0.25


class ResultFile(QWidget):
    """A line for the file's path, empty for memory, and a button to choose it.

    Parameters
    ----------
    what : str
        The result in one word ("converted"); begins the names of temporary files.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self.line = QLineEdit()
        self.line.setPlaceholderText("in memory")
        self.line.setToolTip("TIFF or OME-Zarr to write the result to, block by block")
        self.button = QPushButton("File…")
        self.button.setToolTip("Choose where to write the result; empty: memory")
        self.button.clicked.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)

    def paths(self, volumes: Sequence[Volume], dtype: Any) -> list[Path | None]:
        """Return where each volume's result goes: the typed file, else memory while it fits."""
        text = self.line.text().strip()
        if text and len(volumes) > 1:
            path = Path(text)
            suffix = ".ome.zarr" if path.name.endswith(".ome.zarr") else path.suffix
            stem = path.name.removesuffix(suffix)
            return [path.with_name(f"{stem} {volume.name}{suffix}") for volume in volumes]
        if text:
            return [Path(text)]
        if self.fits(volumes, dtype):
            return [None] * len(volumes)
        folder = Path(tempfile.gettempdir())
        return [folder / f"{self._what}-{uuid.uuid4().hex[:8]}.tif" for _ in volumes]

    def fits(self, volumes: Sequence[Volume], dtype: Any) -> bool:
        """Whether results of this type leave most of the memory free."""
        import psutil

        item = np.dtype(dtype).itemsize
        need = sum(float(np.prod(volume.shape)) * item for volume in volumes)
        return bool(need <= _MEMORY_SHARE * psutil.virtual_memory().total)

    def _choose(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, f"Write the {self._what} stack to", "", "TIFF (*.tif);;OME-Zarr (*.ome.zarr)"
        )
        if path:
            self.line.setText(path)
