"""Where predictions are judged: blocks of the overlap, none of them seen in training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import whole
from napari_battery.errors import InputError
from napari_battery.files import fingerprint
from napari_battery.io.lazy import Window
from napari_battery.superres.card import Card, TrainingData
from napari_battery.volume import Volume

__all__ = [
    "bounding_window",
    "check_unseen",
    "grid_of_regions",
    "parse_region",
    "region_words",
    "trimmed",
    "unseen_box",
    "unseen_part",
    "window_in",
]

_SAME_GRID = ("convert", "filter", "region")
"""Steps after which a voxel is where it was."""


def parse_region(text: str) -> Window:
    """Read a box from ``Z0:Z1,Y0:Y1,X0:X1``, first voxel and the one after the last.

    Raises
    ------
    InputError
        If it reads otherwise, or holds nothing.
    """
    parts = [re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", part) for part in text.split(",")]
    spans = [(int(p[1]), int(p[2])) for p in parts if p]
    if len(spans) != len(parts) or len(parts) != 3 or any(a >= b for a, b in spans):
        raise InputError(
            f"“{text}” is no region: give first voxel and the one after the last of each axis "
            "as Z0:Z1,Y0:Y1,X0:X1."
        )
    return tuple(slice(a, b) for a, b in spans)


def region_words(window: Window) -> str:
    """A box as one reads it: "z 0 to 40, y 0 to 45, x 90 to 130"."""
    return ", ".join(f"{a} {w.start} to {w.stop}" for a, w in zip("zyx", window, strict=True))


def bounding_window(windows: Sequence[Window]) -> Window:
    """The smallest box around some windows."""
    return tuple(
        slice(min(w[axis].start for w in windows), max(w[axis].stop for w in windows))
        for axis in range(len(windows[0]))
    )


def trimmed(box: Window, valid: NDArray[np.bool_]) -> Window:
    """A box without the outer planes of which less than half is valid.

    A shift between two scans leaves such a plane, which would cost every block at that face.
    """
    sides = [[w.start, w.stop] for w in box]
    for axis, (first, stop) in enumerate(sides):
        others = tuple(a for a in range(len(box)) if a != axis)
        good = valid[box].mean(axis=others) >= 0.5
        if good.any():
            sides[axis] = [first + int(np.argmax(good)), stop - int(np.argmax(good[::-1]))]
    return tuple(slice(a, b) for a, b in sides)


def grid_of_regions(
    boxes: Sequence[Window], size: int, valid: NDArray[np.bool_] | None = None
) -> list[Window]:
    """Cut boxes evenly into blocks; only those wholly valid are kept.

    Parameters
    ----------
    boxes : sequence of windows
        They may overlap: a block that shares voxels with an earlier box's is left out.
    size : int
        Least edge of a block in voxels; an axis that is shorter is one block thick.
    valid : bool array, optional
        True where both scans have data.

    Returns
    -------
    list of windows
        z slowest. Those of one box are at most one voxel apart in size along an axis.
    """
    found: list[Window] = []
    for box in boxes:
        edges = [
            np.linspace(w.start, w.stop, max(1, (w.stop - w.start) // size) + 1).astype(int)
            for w in box
        ]
        earlier = list(found)
        for index in np.ndindex(*(len(e) - 1 for e in edges)):
            window = tuple(
                slice(int(e[i]), int(e[i + 1])) for e, i in zip(edges, index, strict=True)
            )
            if any(_shares(window, other) for other in earlier):
                continue
            if valid is None or valid[window].all():
                found.append(window)
    return found


def _shares(one: Window, other: Window) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def window_in(volume: Volume, grid: Volume, window: Window) -> Window:
    """The box of `volume`'s voxels that a window of `grid` lies in, wherever both are placed."""
    matrix = np.linalg.solve(volume.world_affine(), grid.world_affine())
    faces = np.meshgrid(*[(w.start - 0.5, w.stop - 0.5) for w in window], indexing="ij")
    corners = np.stack([np.ravel(f) for f in faces] + [np.ones(2**grid.ndim)])
    reach = (matrix @ corners)[:-1] + 0.5
    # a rounding error must not make a box reach its neighbour's voxels
    low = np.floor(reach.min(axis=1) + 1e-3).astype(int)
    high = np.ceil(reach.max(axis=1) - 1e-3).astype(int)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def check_unseen(
    regions: Sequence[Window],
    grid: Volume,
    scans: Sequence[Volume],
    cards: Iterable[Card],
) -> list[str]:
    """Refuse regions that a model was trained on (or that chose its best epoch).

    Parameters
    ----------
    regions : sequence of windows
        In voxels of `grid`.
    grid : Volume
        The high scan as it was read.
    scans : sequence of Volume
        The low and the high scan as they were read: their files are told by their SHA-256.
    cards : iterable of Card
        Of the models.

    Returns
    -------
    list of str
        What could not be checked, in sentences.

    Raises
    ------
    InputError
        Names the region, the model and the file, and what part is free.
    """
    notes: list[str] = []
    sources = [_sources(scan) for scan in scans]
    for card in cards:
        for scan, known in zip(scans, sources, strict=True):
            used = [t for t in card.training if t.sha256 and t.sha256 in known]
            unplaced = [t for t in used if known[t.sha256] is None and t.box is not None]
            for data in unplaced:
                notes.append(
                    f"“{scan.name}” was made from {data.name}, of which a part trained "
                    f"“{card.name}”; through its resampling it could not be checked that no "
                    "region lies in that part."
                )
            placed = [t for t in used if t not in unplaced]
            boxes = [_box_in(scan, data, known[data.sha256]) for data in placed]
            inside = [window_in(scan, grid, region) for region in regions]
            for number, (region, place) in enumerate(zip(regions, inside, strict=True), 1):
                for data, box in zip(placed, boxes, strict=True):
                    if _shares(place, box):
                        raise InputError(_seen(number, region, card, scan, data, boxes, grid))
    return notes


def unseen_part(scan: Volume, cards: Iterable[Card]) -> Window | None:
    """The largest slab of a scan that no model was trained on; None where there is none."""
    known = _sources(scan)
    boxes = [
        _box_in(scan, data, known[data.sha256])
        for card in cards
        for data in card.training
        if data.sha256 in known
    ]
    if not boxes:
        return tuple(slice(0, n) for n in scan.shape)
    return _free(bounding_window(boxes), scan.shape)


def unseen_box(low: Volume, high: Volume, cards: Sequence[Card]) -> Window | None:
    """The largest slab of the high scan that no model was trained on, by either scan.

    Reads the scans' files through, to know them by their hashes.

    Returns
    -------
    window or None
        All of the high scan where no model was trained on any of it; None where nothing is
        left.
    """
    found = [slice(0, n) for n in high.shape]
    for scan in (low, high):
        free = unseen_part(scan, cards)
        if free is None:
            return None
        if free == whole(scan.shape):
            continue
        inside = window_in(high, scan, free)
        for axis, (w, cut, n) in enumerate(zip(inside, free, scan.shape, strict=True)):
            # a voxel less where the part ends inside the scan: half of it may lie beyond
            first = w.start + (1 if cut.start > 0 else 0)
            stop = w.stop - (1 if cut.stop < n else 0)
            found[axis] = slice(max(found[axis].start, first), min(found[axis].stop, stop))
    return None if any(w.start >= w.stop for w in found) else tuple(found)


def _seen(
    number: int, region: Window, card: Card, scan: Volume, data: TrainingData,
    boxes: list[Window], grid: Volume,
) -> str:  # fmt: skip
    """The sentence that refuses a region."""
    what = "all of it" if data.box is None else f"its voxels {region_words(_window(data.box))}"
    text = (
        f"Region {number} ({region_words(region)} of “{grid.name}”) lies in what “{card.name}” "
        f"learnt from: {data.name}, {what} ({data.used_for}). Models are judged only on what they "
        "have not seen"
    )
    free = _free(bounding_window([window_in(grid, scan, box) for box in boxes]), grid.shape)
    if free is None:
        return f"{text}: take another pair of scans."
    spans = ",".join(f"{w.start}:{w.stop}" for w in free)
    return f"{text}; {region_words(free)} is free: give the region {spans}."


def _free(taken: Window, shape: tuple[int, ...]) -> Window | None:
    """The largest slab of a grid beside a box; None where it would be too thin to judge."""
    full = tuple(slice(0, n) for n in shape)
    slabs: list[Window] = []
    for axis, (t, n) in enumerate(zip(taken, shape, strict=True)):
        for a, b in ((0, t.start), (t.stop, n)):
            if b - a >= 16:
                slabs.append((*full[:axis], slice(max(a, 0), b), *full[axis + 1 :]))
    return max(slabs, key=lambda w: int(np.prod([s.stop - s.start for s in w])), default=None)


def _window(box: Sequence[tuple[int, int]]) -> Window:
    return tuple(slice(a, b) for a, b in box)


def _box_in(scan: Volume, data: TrainingData, offset: tuple[int, ...] | None) -> Window:
    """A training box in voxels of a scan that may be a crop of the file."""
    if data.box is None or offset is None:
        return tuple(slice(-1, n + 1) for n in scan.shape)
    return tuple(slice(a - o, b - o) for (a, b), o in zip(data.box, offset, strict=True))


def _sources(scan: Volume) -> dict[str, tuple[int, ...] | None]:
    """Hashes of the files that a scan comes from, and where in each it begins.

    None stands for "somewhere else": it was resampled on the way.
    """
    offset: tuple[int, ...] | None = (0,) * scan.ndim
    found: dict[str, tuple[int, ...] | None] = {}
    if scan.path is not None and scan.path.exists():
        found[fingerprint(scan.path)] = offset
    shape, made = list(scan.shape), scan.metadata.get("made")
    while isinstance(made, dict):
        step, source = str(made.get("step")), _first_input(made)
        box: list[list[int]] | None = made.get("box")
        if step == "pair":  # of the two scans written together, the one of this shape
            both = [part for part in (made.get("pair") or {}).values() if "box" in part]
            source = next((part for part in both if _sides(part["box"]) == shape), {})
            box = source.get("box")
        if step in ("crop", "pair") and box is not None and _sides(box) == shape:
            if offset is not None:
                offset = tuple(o + a for o, (a, _) in zip(offset, box, strict=True))
        elif step.split(" ")[0] not in _SAME_GRID or source.get("shape") != shape:
            offset = None
        if source.get("fingerprint"):
            found.setdefault(str(source["fingerprint"]), offset)
        shape, made = source.get("shape") or [], source.get("made")
    return found


def _first_input(made: dict[str, Any]) -> dict[str, Any]:
    inputs = made.get("inputs")
    return dict(inputs[0]) if inputs else {}


def _sides(box: Sequence[Sequence[int]]) -> list[int]:
    return [b - a for a, b in box]
