"""One run of the alignment of two layers: what goes into the core, and what it says meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.layers import volume_from_layer

if TYPE_CHECKING:
    from napari_battery.registration.register import Registration, Step
    from napari_battery.registration.settings import RegisterSettings
    from napari_battery.registration.transform import Transform

__all__ = ["Pair", "Watched", "pair_of", "standing"]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two layers as they were when the run began, and where each of them counts."""

    fixed: Volume
    moving: Volume
    fixed_mask: Volume | None = None
    moving_mask: Volume | None = None

    def step(
        self, settings: RegisterSettings, start: Transform | None, watched: Watched
    ) -> Callable[[Progress], Registration]:
        """The step for a `StepRunner`."""

        def run(progress: Progress) -> Registration:
            import matplotlib.figure  # noqa: F401  (the curve needs it at the first step)

            from napari_battery.registration.register import register

            return register(
                self.fixed,
                self.moving,
                settings,
                progress,
                start=start,
                fixed_mask=_mask(self.fixed_mask, self.fixed),
                moving_mask=_mask(self.moving_mask, self.moving),
                watch=watched.append,
            )

        return run


@dataclass
class Watched:
    """The steps the core has made so far; written in its thread, read in the window's."""

    steps: list[Step] = field(default_factory=list)
    shown: int = 0

    def append(self, step: Step) -> None:
        """Take one step down; the core calls this."""
        self.steps.append(step)

    def news(self) -> list[Step]:
        """All steps so far, where there are new ones since the last call; else none."""
        steps = self.steps[:]
        if len(steps) == self.shown:
            return []
        self.shown = len(steps)
        return steps


def pair_of(fixed: Any, moving: Any, fixed_mask: Any = None, moving_mask: Any = None) -> Pair:
    """The volumes of two layers to be aligned, and of their masks.

    Raises
    ------
    InputError
        If a layer is missing or is no stack of 2 or 3 axes, if both are the same one, or if
        one is 2-D and the other 3-D, or only one voxel size is known.
    """
    from napari_battery.registration.transform import common_world

    if fixed is None or moving is None:
        raise InputError("Open two images first: one stays fixed, the other is moved onto it.")
    if fixed is moving:
        raise InputError(
            f"“{fixed.name}” is chosen as fixed and as moving; choose two different layers."
        )
    volumes = [volume_from_layer(layer) for layer in (fixed, moving)]
    common_world(*volumes)
    masks = [
        None if mask is None else volume_from_layer(mask) for mask in (fixed_mask, moving_mask)
    ]
    return Pair(*volumes, *masks)


def standing(layer: Any) -> str:
    """Where a layer stands and what voxels it has; another text once that was changed."""
    names = ("scale", "translate", "rotate", "shear", "units")
    place = [np.asarray(getattr(layer, name)).tolist() for name in names]
    data = layer.data[0] if layer.multiscale else layer.data
    return repr([place, np.asarray(layer.affine.affine_matrix).tolist(), tuple(data.shape)])


def _mask(mask: Volume | None, image: Volume) -> NDArray[np.bool_] | None:
    """Where labels are not 0, on the image's grid."""
    if mask is None:
        return None
    if mask.same_grid(image):
        inside = np.asarray(mask.data) != 0
    else:
        from napari_battery.resample import onto_grid

        levels = onto_grid(mask, image, order=0).data
        inside = np.isfinite(levels) & (levels != 0)
    if not inside.any():
        raise InputError(
            f"The mask “{mask.name}” leaves no voxel of “{image.name}”; "
            "draw it where both stacks have data."
        )
    return np.asarray(inside, bool)
