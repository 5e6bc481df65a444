"""What is to be super-resolved and how, and what is found out about it beforehand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_battery.io.lazy import Window
from napari_battery.superres.greys import Greys, robust_greys
from napari_battery.superres.input_check import compare_with_card
from napari_battery.superres.settings import COPIES, SuperResolveSettings
from napari_battery.superres.super_resolve import check_image, target_voxel_size
from napari_battery.superres.upscale import grid_window, target_grid
from napari_battery.volume import Volume
from napari_battery.widgets.superres_shelf import Shelved

if TYPE_CHECKING:
    from napari_battery.superres.engine import Engine

__all__ = ["Case", "Known", "Ready", "case_of"]

_TIMED_PX = 128


@dataclass(frozen=True, eq=False)
class Case:
    """An image, a model and settings that go together."""

    image: Volume
    shelved: Shelved
    settings: SuperResolveSettings
    grid: Volume
    """The target grid of the whole image."""

    def window(self, box: Window | None) -> Window:
        """A box of the image on the target grid."""
        return grid_window(self.image, self.grid, box)


@dataclass(frozen=True, eq=False)
class Ready:
    """A network made ready for an image, and how fast it is here."""

    engine: Engine
    greys: Greys
    seconds_per_pixel: float

    def seconds(self, window: Window) -> float:
        """About how long a window of the target grid takes."""
        *rest, n_rows, n_columns = (w.stop - w.start for w in window)
        tile = self.engine.tile((n_rows, n_columns))
        sides = [
            n + self.engine.halo * -(-n // side)
            for n, side in zip((n_rows, n_columns), tile, strict=True)
        ]
        return float(self.seconds_per_pixel * prod(rest) * prod(sides))


def case_of(image: Volume, shelved: Shelved, settings: SuperResolveSettings) -> Case:
    """Put together what is asked for; no grey level is read.

    Raises
    ------
    InputError
        If the image cannot be super-resolved so.
    """
    check_image(image)
    size = settings.target_voxel_size or target_voxel_size(image, shelved.card)
    named = settings.model_copy(update={"model": shelved.card.name})
    return Case(image, shelved, named, target_grid(image, size))


class Known:
    """What was found out last, kept for the next question; asked in one thread at a time."""

    def __init__(self) -> None:
        self._greys: tuple[Any, Any, Greys] | None = None
        self._engine: tuple[Any, Engine, float] | None = None

    def forget_image(self) -> None:
        """Grey levels have changed."""
        self._greys = None

    def warnings(self, case: Case) -> list[str]:
        """How the image differs from those that the model learnt from."""
        greys = self._greys_of(case.image)
        size = case.grid.known_voxel_size_um()
        return compare_with_card(case.image, case.shelved.card, size, greys)

    def ready(self, case: Case) -> Ready:
        """Read the model's weights, make its network ready, and time it."""
        from napari_battery.superres.engine import Engine

        model = case.shelved.load()
        copies = COPIES[case.settings.quality]
        asked = (model, case.settings.device, case.settings.precision, copies)
        if self._engine is None or self._engine[0] != asked:
            engine = Engine(
                model.network, case.settings.device, case.settings.precision, copies=copies
            )
            self._engine = (asked, engine, _seconds_per_pixel(engine))
        _, engine, seconds = self._engine
        return Ready(engine, self._greys_of(case.image), seconds)

    def _greys_of(self, image: Volume) -> Greys:
        kept = self._greys
        if kept is None or kept[0] is not image.data or kept[1] is not image.region:
            kept = self._greys = (image.data, image.region, robust_greys(image))
        return kept[2]


def _seconds_per_pixel(engine: Engine) -> float:
    """Time a block; with half of its margin, as the layers one after another need less of it."""
    rng = np.random.default_rng(0)
    for inside in (engine.multiple, _TIMED_PX // engine.multiple * engine.multiple):
        side = inside + 2 * engine.halo  # the first one only warms up
        block = rng.random((engine.slices, side, side), np.float32)
        started = time.perf_counter()
        engine.run_inside(block)
        seconds = time.perf_counter() - started
    return seconds / float((inside + engine.halo) ** 2)
