"""Denoising and artefact removal."""

from napari_battery.filters.apply import Context, filter_image, filter_of, prepare_filter
from napari_battery.filters.bilateral import BilateralSettings
from napari_battery.filters.cupping import CuppingSettings
from napari_battery.filters.filter import Filter, Findings
from napari_battery.filters.iterative import DiffusionSettings, TotalVariationSettings
from napari_battery.filters.linear import GaussianSettings, MeanSettings, UnsharpSettings
from napari_battery.filters.median import MedianSettings
from napari_battery.filters.noise import estimate_noise
from napari_battery.filters.nonlocal_means import NonLocalMeansSettings
from napari_battery.filters.registry import FILTERS
from napari_battery.filters.rescale import RescaleSettings
from napari_battery.filters.rings import RingSettings

__all__ = [
    "FILTERS",
    "BilateralSettings",
    "Context",
    "CuppingSettings",
    "DiffusionSettings",
    "Filter",
    "Findings",
    "GaussianSettings",
    "MeanSettings",
    "MedianSettings",
    "NonLocalMeansSettings",
    "RescaleSettings",
    "RingSettings",
    "TotalVariationSettings",
    "UnsharpSettings",
    "estimate_noise",
    "filter_image",
    "filter_of",
    "prepare_filter",
]
