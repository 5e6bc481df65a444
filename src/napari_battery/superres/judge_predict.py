"""What each method makes of the low scan, at the voxels of the high one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.io.lazy import Window
from napari_battery.prepare import crop
from napari_battery.progress import Progress
from napari_battery.registration.pairs import AlignedPair
from napari_battery.superres.cubic import cubic_onto, grid_to_image
from napari_battery.superres.greys import Greys
from napari_battery.superres.judge_compare import Prediction
from napari_battery.superres.judge_regions import window_in
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.judge_table import CUBIC, MATCHED
from napari_battery.superres.settings import COPIES
from napari_battery.superres.upscale import Upscaler, target_grid
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from napari_battery.superres.model_files import Model

__all__ = ["OnHighGrid", "on_high_grid", "predictions"]

_TAPS = 2
"""Voxels to either side that the interpolation reads."""
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class OnHighGrid:
    """The low scan interpolated onto the high scan's grid, continued beyond the high scan.

    Parameters
    ----------
    low : Volume
        float32; NaN where the low scan has no data.
    inside : window
        The voxels of it that the high scan has.
    valid : array of bool
        Of these, where the low scan has data.
    """

    low: Volume
    inside: Window
    valid: NDArray[np.bool_]


def on_high_grid(
    low: Volume, pair: AlignedPair, margin: Sequence[int], progress: Progress
) -> OnHighGrid:
    """Interpolate the low scan onto the high scan's grid and its surroundings.

    A low scan mostly shows more than the high one: what lies around is continued onto the
    same grid, so that networks see the surroundings that they see in use.

    Parameters
    ----------
    low : Volume
        The whole scan that the pair was cut from; where it lies is the pair's to say.
    pair : AlignedPair
    margin : sequence of int
        High-resolution voxels beyond the high scan along each axis, or as far as the low one
        reaches.
    progress : Progress
        Advanced per slab.
    """
    whole, high = _uncut(low, pair), pair.high
    first, last = _faces(whole, high)
    # the voxels whose centres the low scan still holds
    before = np.clip(-np.ceil(first - _ROUNDING), 0, margin).astype(int)
    beyond = np.floor(last + _ROUNDING) - np.subtract(high.shape, 1)
    after = np.clip(beyond, 0, margin).astype(int)
    shape = tuple(int(v) for v in np.add(high.shape, before + after))
    origin = np.subtract(high.origin_um, before * np.array(high.known_voxel_size_um()))
    grid = high.like(
        np.broadcast_to(np.uint8(0), shape),
        low.name,
        origin_um=tuple(float(v) for v in origin),
        region=None,
    )
    around = window_in(whole, grid, tuple(slice(0, n) for n in shape))
    part = crop(whole, [(w.start - _TAPS, w.stop + _TAPS) for w in around])
    part = replace(part, name=low.name)
    found = cubic_onto(part, grid, progress)
    inside = tuple(slice(int(b), int(b) + n) for b, n in zip(before, high.shape, strict=True))
    sampled = np.where(found.valid, found.data, np.float32(np.nan))
    return OnHighGrid(grid.like(sampled, low.name), inside, found.valid[inside])


def predictions(
    sampled: OnHighGrid,
    greys: Greys,
    models: Sequence[Model],
    settings: JudgeSettings,
    progress: Progress,
    used: list[dict[str, Any]],
) -> Iterator[Prediction]:
    """What each method makes of the low scan, one at a time, in normalised grey levels.

    Parameters
    ----------
    sampled : OnHighGrid
    greys : Greys
        The low scan's.
    models : sequence of Model
    settings : JudgeSettings
        Device, precision and quality.
    progress : Progress
        Advanced per block.
    used : list of dict
        Filled with what was used of each model.
    """
    cubic = greys.normalise(np.asarray(sampled.low.data)[sampled.inside])
    yield Prediction(CUBIC, cubic, False)
    yield Prediction(MATCHED, cubic, True)
    del cubic
    for model in models:
        grey, engine = _applied(model, sampled.low, greys, settings, progress)
        card = model.card
        used.append(
            {
                "name": card.name,
                "network": card.network,
                "weights_sha256": card.weights_sha256,
                **engine,
            }
        )
        yield Prediction(card.name, grey[sampled.inside], True)


def _applied(
    model: Model, low: Volume, greys: Greys, settings: JudgeSettings, progress: Progress
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """A model on the low scan that already lies on the high scan's grid."""
    from napari_battery.superres.engine import Engine
    from napari_battery.superres.tiles import Tiles

    engine = Engine(
        model.network, settings.device, settings.precision, copies=COPIES[settings.quality]
    )
    tiles = Tiles(Upscaler(low, target_grid(low, low.known_voxel_size_um()), greys), engine)
    grey = np.empty(low.shape, np.float32)

    def store(window: Window, values: NDArray[np.float32]) -> None:
        grey[window] = values

    cuts = tiles.cuts(tuple(slice(0, n) for n in low.shape))
    progress.begin(len(cuts), f"Applying {model.card.name}")
    tiles.run(cuts, store, progress)
    return grey, {
        "precision": engine.precision,
        "device": engine.device,
        "copies": engine.copies,
    }


def _uncut(low: Volume, pair: AlignedPair) -> Volume:
    """The whole low scan where the pair has its part of it."""
    size = pair.low.known_voxel_size_um()
    starts = [start for start, _ in pair.provenance["low"]["box"]]
    origin = tuple(
        o - start * step for o, start, step in zip(pair.low.origin_um, starts, size, strict=True)
    )
    return replace(low, voxel_size_um=size, origin_um=origin, affine=pair.low.affine)


def _faces(image: Volume, grid: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where an image begins and ends along a grid's axes, in voxels of the grid."""
    ends = [(-0.5, n - 0.5) for n in image.shape]
    corners = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1)
    matrix = grid_to_image(image, grid)
    moved = matrix[:3, :3] @ corners + matrix[:3, 3:]
    return moved.min(axis=1), moved.max(axis=1)
