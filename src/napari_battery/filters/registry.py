"""The filters, in order of worth."""

from __future__ import annotations

from napari_battery.filters.filter import Filter
from napari_battery.filters.linear import GAUSSIAN, MEAN, UNSHARP
from napari_battery.filters.median import MEDIAN
from napari_battery.filters.nonlocal_means import NONLOCAL_MEANS

__all__ = ["FILTERS"]

FILTERS: dict[str, Filter] = {
    one.name: one for one in (NONLOCAL_MEANS, MEDIAN, GAUSSIAN, UNSHARP, MEAN)
}
