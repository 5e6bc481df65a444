"""Figures from tables: the same in docks, on the command line and in reports.

Every function returns a `Plot`: the figure and the numbers it shows. matplotlib is
imported when a figure is made, not before.
"""

from napari_battery.plots.distributions import core_histogram, size_distribution
from napari_battery.plots.inside_particle import change_profile, inside_slices
from napari_battery.plots.microstructure import microstructure_figures
from napari_battery.plots.profile import radial_profile
from napari_battery.plots.regression import regression_plot
from napari_battery.plots.saving import save_plot
from napari_battery.plots.style import PAPER, Plot, Style, theme_style
from napari_battery.plots.super_resolution import (
    grey_histograms,
    patch_comparison,
    quality_plot,
    training_curves,
)
from napari_battery.plots.validation import validation_plot
from napari_battery.plots.value_map import map_figure, map_legend, map_slice

__all__ = [
    "PAPER",
    "Plot",
    "Style",
    "change_profile",
    "core_histogram",
    "grey_histograms",
    "inside_slices",
    "map_figure",
    "map_legend",
    "map_slice",
    "microstructure_figures",
    "patch_comparison",
    "quality_plot",
    "radial_profile",
    "regression_plot",
    "save_plot",
    "size_distribution",
    "theme_style",
    "training_curves",
    "validation_plot",
]
