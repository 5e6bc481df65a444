"""Where the particles of a labels layer are: a box for each label, kept through edits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.radial.find import label_boxes
from napari_battery.volume import Volume
from napari_battery.widgets.edit_patch import Patch

__all__ = ["Places"]

Box = tuple[slice, ...]


class Places:
    """A box around each label; finding one again then costs no look at the whole volume.

    Boxes hold all voxels of their label but need not be tight; `tight` makes one so.

    Parameters
    ----------
    labels : Volume
        What to look through, once.
    progress : Progress
        Advanced per slab.
    """

    def __init__(self, labels: Volume, progress: Progress = SILENT) -> None:
        numbers, boxes = label_boxes(labels, progress)
        self._boxes: dict[int, NDArray[np.int64]] = dict(zip(numbers.tolist(), boxes, strict=True))

    def __contains__(self, label: object) -> bool:
        return label in self._boxes

    def __len__(self) -> int:
        return len(self._boxes)

    @property
    def highest(self) -> int:
        """The highest label; 0 where there is none."""
        return max(self._boxes, default=0)

    def boxes(self, labels: Any) -> dict[int, NDArray[np.int64]]:
        """Boxes of those of the labels that are there: (ndim, 2), first and past-last voxel."""
        return {label: self._boxes[label] for label in labels if label in self._boxes}

    def take(self, patches: Iterable[Patch], data: Any, *, back: bool = False) -> None:
        """Follow changes that were just written; labels that are gone are forgotten."""
        touched: set[int] = set()
        for patch in patches:
            here = np.array([(s.start, s.stop) for s in patch.box])
            touched |= patch.labels
            for label in patch.lost if back else patch.gained:
                box = self._boxes.get(label, here)
                low, high = np.minimum(box[:, 0], here[:, 0]), np.maximum(box[:, 1], here[:, 1])
                self._boxes[label] = np.stack([low, high], axis=1)
        for label in touched:
            self.tight(data, label)

    def tight(self, data: Any, label: int) -> Box | None:
        """The box around a label now, or None where it is gone."""
        if label not in self._boxes:
            return None
        low = self._boxes[label][:, 0]
        inside = np.asarray(data[tuple(slice(a, b) for a, b in self._boxes[label])]) == label
        ends = []
        for axis in range(inside.ndim):
            some = np.flatnonzero(inside.any(axis=tuple({*range(inside.ndim)} - {axis})))
            if not some.size:
                del self._boxes[label]
                return None
            ends.append((some[0] + low[axis], some[-1] + 1 + low[axis]))
        self._boxes[label] = np.array(ends, np.int64)
        return tuple(slice(int(a), int(b)) for a, b in ends)
