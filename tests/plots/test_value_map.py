"""The colour bar's histogram and the slice of a map."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.maps import MapSettings, colour_table, value_map
from napari_battery.plots import map_figure, map_legend, map_slice
from napari_battery.plots.value_map import remarks
from napari_battery.volume import Volume

VALUES = [-3.0, -1.0, 0.0, 1.0, np.nan, 8.0]


def shown(**settings):
    table = pd.DataFrame({"label": [2, 4, 6, 8, 10, 12], "delta_core_mean": VALUES})
    return value_map(table, "delta_core_mean", MapSettings(**settings))


def test_the_legend_counts_every_particle_once():
    values = shown(low=-2, high=2)
    figure, data = map_legend(values)
    assert data["particles"].sum() == len(VALUES)
    assert data.iloc[0].tolist() == [-np.inf, -2.0, 1]
    assert data.iloc[-2]["particles"] == 1
    assert data.iloc[-2]["value_to"] == np.inf
    assert data.iloc[-1]["particles"] == 1
    assert np.isnan(data.iloc[-1]["value_from"])
    inside = data.iloc[1:-2]
    counts, _ = np.histogram([-1, 0, 1], np.append(inside["value_from"], 2.0))
    np.testing.assert_array_equal(inside["particles"], counts)
    figure.draw_without_rendering()
    histogram, bar = figure.axes
    assert bar.get_xlabel() == r"$\Delta\bar{I}_\mathrm{prist}$ (grey level)"
    # the histogram stands exactly over the colours: the pointed ends included
    left, right = histogram.get_xlim()
    box, top = bar.get_position(), histogram.get_position()
    at_low = top.x0 + (-2 - left) / (right - left) * top.width
    assert at_low == pytest.approx(box.x0, abs=0.01)


def test_the_legend_without_any_value():
    table = pd.DataFrame({"label": [1, 2], "core_mean": [np.nan, np.nan]})
    figure, data = map_legend(value_map(table, "core_mean"))
    assert data["particles"].tolist() == [2]
    assert figure.axes[0].texts[0].get_text() == "no particle has a value"
    figure.draw_without_rendering()


def test_remarks():
    assert remarks(shown(low=-2, high=2)) == (
        "< 0 darker, > 0 brighter; grey: no value (1); beyond the range: 2"
    )
    table = pd.DataFrame({"label": [1], "core_mean": [3.0]})
    assert remarks(value_map(table, "core_mean")) == ""


def test_a_slice_shows_colours_scale_bar_and_data():
    labels = np.zeros((40, 80), np.int32)
    labels[5:20, 5:20], labels[20:35, 40:70] = 2, 10
    image = np.linspace(0, 255, labels.size).reshape(labels.shape)
    figure, data = map_slice(
        labels, shown(), image, pixel_size_um=(0.5, 0.25), assumed=True, note="synthetic data"
    )
    axes = figure.axes[0]
    grey, colours = axes.images
    np.testing.assert_array_equal(grey.get_array(), image)
    rgba = np.asarray(colours.get_array())
    assert tuple(rgba[25, 50]) == tuple(colour_table("RdBu")[-1])  # label 10 has no value
    assert rgba[0, 0, 3] == 0
    assert axes.get_aspect() == pytest.approx(2.0)  # a pixel is twice as high as wide
    bar = axes.lines[0].get_xdata()
    assert (bar[1] - bar[0]) * 0.25 == pytest.approx(5.0)  # 1, 2, 5 up to 80 · 0.25 / 4
    assert axes.texts[0].get_text() == "5 µm (assumed)"
    assert axes.get_title(loc="right") == "synthetic data"
    assert data["label"].tolist() == [2, 10]
    figure.draw_without_rendering()


def test_a_slice_without_voxel_size_counts_pixels():
    axes = map_slice(np.ones((40, 40), np.uint8), shown()).figure.axes[0]
    assert axes.texts[0].get_text() == "10 pixels"


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("first", [1, 2**63])
def test_the_figure_of_a_map(ndim, first):
    data = np.zeros((5, 30, 30)[-ndim:], np.uint64)
    data[..., 2:10, 2:10] = first
    data[..., 12:20, 12:20] = first + 1
    data[..., 22:28, 22:28] = first + 2
    labels = Volume(data, metadata={"synthetic": True}).with_voxel_size(1.0, "assumed 1 µm")
    there = np.arange(3, dtype=np.uint64) + np.uint64(first)
    table = pd.DataFrame({"label": there, "core_mean": [1.5, 4.5, np.nan]})
    figure, drawn = map_figure(labels, table, "core_mean", MapSettings(low=1, high=5))
    assert drawn["core_mean"].tolist()[:2] == [1.5, 4.5]
    axes = figure.axes[0]
    rgba = np.asarray(axes.images[-1].get_array())
    viridis = colour_table("viridis")
    assert np.abs(rgba[5, 5] - viridis[245 // 8]).max() < 0.02  # one step at most
    assert np.abs(rgba[15, 15] - viridis[245 * 7 // 8]).max() < 0.02
    assert rgba[25, 25].tolist() == [0.5, 0.5, 0.5, 1]  # no value is not outside
    assert rgba[0, 0, 3] == 0
    assert axes.get_title(loc="right") == "synthetic data"
    assert axes.get_xlabel() == "grey: no value (1)"
    assert "assumed" in axes.texts[0].get_text()


def test_a_map_without_particles():
    table = pd.DataFrame({"label": np.zeros(0, int), "core_mean": np.zeros(0)})
    figure, drawn = map_figure(Volume(np.zeros((4, 8, 8), np.uint8)), table, "core_mean")
    assert len(drawn) == 0
    figure.draw_without_rendering()
