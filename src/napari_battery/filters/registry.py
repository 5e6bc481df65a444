"""The filters, in order of worth."""

from __future__ import annotations

from napari_battery.filters.bilateral import BILATERAL
from napari_battery.filters.cupping import CUPPING
from napari_battery.filters.filter import Filter
from napari_battery.filters.iterative import DIFFUSION, TOTAL_VARIATION
from napari_battery.filters.linear import GAUSSIAN, MEAN, UNSHARP
from napari_battery.filters.median import MEDIAN
from napari_battery.filters.nonlocal_means import NONLOCAL_MEANS
from napari_battery.filters.rescale import RESCALE
from napari_battery.filters.rings import RINGS

__all__ = ["FILTERS"]

FILTERS: dict[str, Filter] = {
    one.name: one
    for one in (
        NONLOCAL_MEANS,
        MEDIAN,
        GAUSSIAN,
        DIFFUSION,
        UNSHARP,
        CUPPING,
        MEAN,
        TOTAL_VARIATION,
        BILATERAL,
        RINGS,
        RESCALE,
    )
}
