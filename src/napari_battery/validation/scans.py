"""One place in every scan: the high one, the low one, and what each method made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.blocks import whole
from napari_battery.io.lazy import Window
from napari_battery.prepare import crop
from napari_battery.superres.greys import robust_greys
from napari_battery.superres.judge import Judgement
from napari_battery.superres.judge_compare import HIGH
from napari_battery.superres.judge_regions import window_in
from napari_battery.superres.judge_table import MATCHED
from napari_battery.volume import Volume

__all__ = ["LOW", "Scans", "matched_scans"]

LOW = "low scan"
"""The low scan on its own voxels, laid on the high scan's grey levels."""


@dataclass(frozen=True, eq=False)
class Scans:
    """Every method's scan, in grey levels of the high one.

    Parameters
    ----------
    high : Volume
        The part of the high scan that both show.
    on_grid : dict of str to Volume
        Predictions, on the grid of `high`.
    low : Volume or None
        The low scan, on its own grid; None where it is turned against the high one.
    regions : list of windows
        Where to compare, in voxels of `high`.
    low_regions : list of windows
        The same boxes of the world in voxels of `low`, to the nearest voxel.
    notes : list of str
    """

    high: Volume
    on_grid: dict[str, Volume]
    low: Volume | None
    regions: list[Window]
    low_regions: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def parts(self, number: int) -> Iterator[tuple[str, Volume]]:
        """The scans of a region (from 0), the high one first."""
        box = self.regions[number]
        for method, scan in ((HIGH, self.high), *self.on_grid.items()):
            yield method, _cut(scan, box)
        if self.low is not None:
            yield LOW, _cut(self.low, self.low_regions[number])


def matched_scans(low: Volume, high: Volume, judged: Judgement) -> Scans:
    """Lay out what was judged, with its predictions kept, for measuring.

    Parameters
    ----------
    low : Volume
        Where it was judged: placed by its transform.
    high : Volume
        As it was judged.
    judged : Judgement
    """
    grid = next(iter(judged.predictions.values()))
    box = window_in(high, grid, whole(grid.shape))
    part = crop(high, [(w.start, w.stop) for w in box])
    rows = judged.regions.drop_duplicates("region")
    regions = [_region(row, box) for _, row in rows.iterrows()]
    own = _own_regions(low, part, regions)
    notes = []
    if own is None:
        notes.append(
            f"“{low.name}” is turned against “{high.name}”: regions of its own voxels would not "
            f"be the same boxes, so that it is compared as “{MATCHED}” only."
        )
    matched = None if own is None else _matched(low, high, judged.lines[MATCHED])
    return Scans(part, judged.predictions, matched, regions, own or [], notes)


def _region(row: pd.Series, box: Window) -> Window:
    return tuple(
        slice(int(row[f"bbox_{a}0"]) - w.start, int(row[f"bbox_{a}1"]) - w.start)
        for a, w in zip("zyx", box, strict=True)
    )


def _own_regions(low: Volume, high: Volume, regions: list[Window]) -> list[Window] | None:
    """Regions in voxels of the low scan, to the nearest; None where its axes lie askew."""
    matrix = np.asarray(np.linalg.solve(low.world_affine(), high.world_affine()), np.float64)
    turn = matrix[:3, :3]
    if np.abs(turn - np.diag(np.diag(turn))).max() > 0.02 * np.abs(np.diag(turn)).min():
        return None
    if (np.diag(turn) <= 0).any():
        return None
    found = []
    for region in regions:
        first = _index(matrix, [w.start - 0.5 for w in region]) + 0.5
        stop = _index(matrix, [w.stop - 0.5 for w in region]) + 0.5
        found.append(
            tuple(
                slice(max(0, round(float(a))), max(round(float(a)) + 1, min(n, round(float(b)))))
                for a, b, n in zip(first, stop, low.shape, strict=True)
            )
        )
    return found


def _index(matrix: NDArray[np.float64], voxel: list[float]) -> NDArray[np.float64]:
    return np.asarray((matrix @ [*voxel, 1.0])[:3])


def _matched(low: Volume, high: Volume, line: tuple[float, float]) -> Volume:
    """The low scan in grey levels of the high one, by the line found for its interpolation."""
    gain, offset = line
    normalised = robust_greys(low).normalise(low.data)
    grey = robust_greys(high).restore(np.float32(gain) * normalised + np.float32(offset))
    return low.like(grey, low.name, region=None)


def _cut(scan: Volume, box: Window) -> Volume:
    """A region of a scan, without the record of where both scans have data."""
    size = scan.known_voxel_size_um()
    return Volume(
        np.asarray(scan.data[box]),
        size,
        name=scan.name,
        voxel_size_source=scan.voxel_size_source,
    )
