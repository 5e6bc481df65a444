"""Radial grey-level analysis of particles: GREAT2's layers, cores and profiles."""

from napari_battery.radial.core import core_table, delta_core_mean
from napari_battery.radial.engine import radial_tables
from napari_battery.radial.maps import map_values, rows_of_labels
from napari_battery.radial.profile import population_profile
from napari_battery.radial.result import RadialResult
from napari_battery.radial.settings import RadialSettings
from napari_battery.radial.update import update_tables

__all__ = [
    "RadialResult",
    "RadialSettings",
    "core_table",
    "delta_core_mean",
    "map_values",
    "population_profile",
    "radial_tables",
    "rows_of_labels",
    "update_tables",
]
