"""A particle too big to copy: measured plane by plane, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.radial.batch import Measured, Shells, signed_levels
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.voxels import Voxels

__all__ = ["measure_giant"]

_BLOCK_VOXELS = 1 << 22
_SORTABLE = 1 << 22


class _Grey:
    """Running statistics of bins (layers or shells), merged block by block."""

    def __init__(self, bins: int) -> None:
        self.counts, self.means, self.squares = (
            np.zeros(bins, np.int64),
            np.zeros(bins),
            np.zeros(bins),
        )
        self.low, self.high = np.inf, -np.inf

    def add(self, place: NDArray[np.int64], level: NDArray[np.float64]) -> None:
        """Merge a block into the running means and squares (Chan et al. 1983)."""
        size = self.counts.size
        good = np.isfinite(level)
        place, level = place[good], level[good]
        n = np.bincount(place, minlength=size)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nan_to_num(np.bincount(place, level, size) / n)
            share = np.nan_to_num(n / (self.counts + n))
        off = mean - self.means
        self.squares += np.bincount(place, (level - mean[place]) ** 2, size)
        self.squares += off**2 * self.counts * share
        self.means += off * share
        self.counts += n
        self.low = min(self.low, float(level.min(initial=np.inf)))
        self.high = max(self.high, float(level.max(initial=-np.inf)))

    def stds(self) -> NDArray[np.float64]:
        """Standard deviations, ddof 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(self.squares / self.counts))

    def known_means(self) -> NDArray[np.float64]:
        """Means; NaN where nothing was counted."""
        return np.where(self.counts > 0, self.means, np.nan)


def measure_giant(
    voxels: Voxels,
    rule: LayerRule,
    bits: np.uint64,
    box: NDArray[np.int64],
    out: Measured,
    row: int,
    step: Callable[[], None],
) -> None:
    """Measure one particle by streaming through its box three times or more.

    Parameters
    ----------
    voxels, rule
        What to read, and which layer is where.
    bits : uint64
        The label as the kernels see it.
    box : (6,) int64
        Its box.
    out, row
        Where to write the results.
    step : callable
        Called per block; may raise `Cancelled`.
    """
    blocks = _blocks(box)

    def mask(z0: int, z1: int) -> NDArray[np.bool_]:
        step()
        labels = voxels.read_labels(_box(box, z0, z1))
        return np.asarray(labels == labels.dtype.type(bits))

    def levels(z0: int, z1: int) -> NDArray[np.float64]:
        bits = voxels.read_grey(_box(box, z0, z1))
        return signed_levels(bits, voxels.grey_dtype).astype(np.float64)

    def grey() -> Iterator[NDArray[np.float64]]:
        for z0, z1 in blocks:
            level = levels(z0, z1)[mask(z0, z1)]
            yield level[np.isfinite(level)]

    below = _heights_from_below(blocks, mask, voxels.is_flat)
    above: NDArray[np.int64] = np.zeros((box[4] - box[1], box[5] - box[2]), np.int64)
    room = slice(int(out.layer_starts[row]), int(out.layer_starts[row + 1]))
    stats = _Grey(room.stop - room.start)
    shape = _Shape()
    n_layers = 0
    for (z0, z1), under in zip(blocks, below, strict=True):
        inside = mask(z0, z1)
        layer = _layers(inside, above, under, rule, voxels.is_flat)[inside]
        n_layers = max(n_layers, int(layer.max(initial=0)))
        stats.add(layer - 1, levels(z0, z1)[inside])
        for k in range(z1 - z0):
            shape.add_plane(inside[k], z0 + k - int(box[0]))
    out.moments[row], out.pairs[row], out.pieces[row] = shape.moments, shape.pairs, shape.pieces()
    out.layer_counts[room], out.layer_means[room] = stats.counts, stats.known_means()
    out.layer_stds[room] = stats.stds()
    n = int(stats.counts.sum())
    mean = float(np.average(stats.means, weights=stats.counts)) if n else np.nan
    squares = stats.squares.sum() + stats.counts @ (stats.means - mean) ** 2
    low, high = (stats.low, stats.high) if n else (np.nan, np.nan)
    std = np.sqrt(squares / n) if n else np.nan
    out.summary[row] = (n_layers, n, mean, std, low, high, _median(grey, n, low, high))
    if out.shells is not None:
        centre = shape.moments[1:] / shape.moments[0] + box[:3]
        _fill_shells(out.shells, row, blocks, box, centre, rule, mask, levels)


def _fill_shells(
    shells: Shells,
    row: int,
    blocks: list[tuple[int, int]],
    box: NDArray[np.int64],
    centre: NDArray[np.float64],
    rule: LayerRule,
    mask: Callable[[int, int], NDArray[np.bool_]],
    levels: Callable[[int, int], NDArray[np.float64]],
) -> None:
    room = slice(int(shells.starts[row]), int(shells.starts[row + 1]))
    stats = _Grey(room.stop - room.start)
    for z0, z1 in blocks:
        z, y, x = np.ogrid[_box(box, z0, z1)]
        offsets = zip((z, y, x), centre, rule.edges, strict=True)
        away = np.sqrt(sum(((i - c) * edge) ** 2 for i, c, edge in offsets))
        inside = mask(z0, z1)
        stats.add(away[inside].astype(np.int64), levels(z0, z1)[inside])
    shells.counts[room], shells.means[room], shells.stds[room] = (
        stats.counts,
        stats.known_means(),
        stats.stds(),
    )


def _blocks(box: NDArray[np.int64]) -> list[tuple[int, int]]:
    plane = int((box[4] - box[1]) * (box[5] - box[2]))
    step = max(1, _BLOCK_VOXELS // plane)
    return [(z, min(z + step, int(box[3]))) for z in range(int(box[0]), int(box[3]), step)]


def _box(box: NDArray[np.int64], z0: int, z1: int) -> tuple[slice, slice, slice]:
    return slice(z0, z1), slice(int(box[1]), int(box[4])), slice(int(box[2]), int(box[5]))


def _heights_from_below(
    blocks: list[tuple[int, int]], mask: Callable[[int, int], NDArray[np.bool_]], flat: bool
) -> list[NDArray[np.int64]]:
    """For the end of each block: how many particle voxels follow beyond it, per column.

    Kept for the ends only; within a block they are counted again.
    """
    ends: list[NDArray[np.int64]] = []
    run: NDArray[np.int64] | None = None
    for z0, z1 in reversed(blocks):
        inside = mask(z0, z1)
        if run is None:
            run = np.zeros(inside.shape[1:], np.int64)
        ends.append(run)
        for plane in [] if flat else inside[::-1]:
            run = (run + 1) * plane
    return ends[::-1]


def _layers(
    inside: NDArray[np.bool_],
    above: NDArray[np.int64],
    under: NDArray[np.int64],
    rule: LayerRule,
    flat: bool,
) -> NDArray[np.int64]:
    """Layers of a block of planes; `above` is carried on from block to block."""
    from napari_battery.radial._kernels_giant import plane_squares

    weight_z, weight_y, weight_x = rule.weights
    heights = np.empty(inside.shape, np.int64)
    run = under
    for k in range(len(inside) - 1, -1, -1):
        run = (run + 1) * inside[k]
        heights[k] = run
    layers = np.empty(inside.shape, np.int64)
    for k, plane in enumerate(inside):
        above[...] = (above + 1) * plane
        near = np.where(plane, 1e9, 0.0) if flat else np.minimum(above, heights[k])
        squares = weight_z * near.astype(np.float64) ** 2
        plane_squares(squares, weight_y, weight_x)
        layers[k] = np.maximum(rule.of_distance(np.sqrt(squares)), 1)
    return layers


class _Shape:
    """Voxels, moments, neighbour pairs and pieces, plane after plane."""

    def __init__(self) -> None:
        self.moments, self.pairs = np.zeros(4, np.int64), np.zeros(7, np.int64)
        self.last: NDArray[Any] | None = None
        self.parent: list[int] = [0]

    def add_plane(self, plane: NDArray[np.bool_], z: int) -> None:
        """Take the next plane; z counts within the box."""
        from scipy.ndimage import label

        pieces, n = label(plane, np.ones((3, 3)))
        here = np.pad(np.where(pieces > 0, pieces + (len(self.parent) - 1), 0), 1)
        self.parent.extend(range(len(self.parent), len(self.parent) + n))
        rows, columns = plane.sum(axis=1), plane.sum(axis=0)
        n_voxels = int(rows.sum())
        self.moments += (
            n_voxels,
            n_voxels * z,
            int(rows @ np.arange(rows.size)),
            int(columns @ np.arange(columns.size)),
        )
        m = here > 0
        pairs = self.pairs
        pairs[0] += np.count_nonzero(m[:, 1:] & m[:, :-1])
        pairs[1] += np.count_nonzero(m[1:] & m[:-1])
        pairs[3] += np.count_nonzero(m[1:, 1:] & m[:-1, :-1])
        pairs[3] += np.count_nonzero(m[1:, :-1] & m[:-1, 1:])
        if self.last is not None:
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    self._meet(here, np.roll(self.last, (dy, dx), (0, 1)), dy, dx)
        self.last = here

    def _meet(self, here: NDArray[Any], there: NDArray[Any], dy: int, dx: int) -> None:
        both = (here > 0) & (there > 0)
        kind = {(False, False): 2, (False, True): 4, (True, False): 5, (True, True): 6}
        self.pairs[kind[dy != 0, dx != 0]] += np.count_nonzero(both)
        # The rim of padding keeps what np.roll brings round from meeting anything.
        size = len(self.parent)
        for pair in np.unique(here[both] * size + there[both]):
            a, b = self._root(int(pair) // size), self._root(int(pair) % size)
            self.parent[max(a, b)] = min(a, b)

    def _root(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def pieces(self) -> int:
        """Number of 26-connected pieces."""
        return sum(self.parent[i] == i for i in range(1, len(self.parent)))


def _median(
    grey: Callable[[], Iterator[NDArray[np.float64]]], n: int, low: float, high: float
) -> float:
    """Exact median of streamed levels: narrow the range until the middle can be sorted."""
    if n == 0:
        return np.nan
    middle = [_ranked(grey, rank, n, low, high) for rank in sorted({(n - 1) // 2, n // 2})]
    return float(np.mean(middle))


def _ranked(
    grey: Callable[[], Iterator[NDArray[np.float64]]], rank: int, n: int, low: float, high: float
) -> float:
    below = 0
    while n > _SORTABLE and high > low:
        edges = np.unique(np.linspace(low, high, 1 << 12))
        # Bin k holds edges[k] <= level < edges[k + 1]; the last one the highest level alone.
        counts = np.zeros(edges.size, np.int64)
        for level in grey():
            level = level[(level >= low) & (level <= high)]
            place = np.searchsorted(edges, level, side="right") - 1
            counts += np.bincount(place, minlength=edges.size)
        cumulative = below + np.cumsum(counts)
        k = int(np.searchsorted(cumulative, rank, side="right"))
        below, n = int(cumulative[k] - counts[k]), int(counts[k])
        low = float(edges[k])
        high = low if k == edges.size - 1 else float(np.nextafter(edges[k + 1], -np.inf))
    if high == low:
        return low
    kept = [level[(level >= low) & (level <= high)] for level in grey()]
    return float(np.sort(np.concatenate(kept))[rank - below])
