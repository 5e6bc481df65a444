"""Denoising and artefact removal."""

from napari_battery.filters.apply import Context, filter_image, filter_of, prepare_filter
from napari_battery.filters.filter import Filter, Findings
from napari_battery.filters.linear import GaussianSettings, MeanSettings, UnsharpSettings
from napari_battery.filters.median import MedianSettings
from napari_battery.filters.nonlocal_means import NonLocalMeansSettings
from napari_battery.filters.registry import FILTERS

__all__ = [
    "FILTERS",
    "Context",
    "Filter",
    "Findings",
    "GaussianSettings",
    "MeanSettings",
    "MedianSettings",
    "NonLocalMeansSettings",
    "UnsharpSettings",
    "filter_image",
    "filter_of",
    "prepare_filter",
]
