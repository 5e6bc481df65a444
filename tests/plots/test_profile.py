"""The profile figure shows the numbers of its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.plots import radial_profile, theme_style
from napari_battery.plots.profile import MAX_PICKED, excluded_span, particle_data

THICKNESS = 0.325


def layer_table(n_particles=40, seed=3, shift=0.0, step=1):
    rng = np.random.default_rng(seed)
    rows = []
    for label in range(step, n_particles * step + 1, step):
        n_layers = int(rng.integers(2, 9))
        grey = 170 - 40 * np.exp(-np.arange(n_layers)) + rng.normal(0, 3, n_layers) + shift
        for i, value in enumerate(grey):
            middle = i + 0.5
            rows.append((label, i + 1, middle * THICKNESS, 1 - middle / n_layers, 10, value, 2.0))
    names = ["label", "layer", "depth_um", "relative_radius", "n_voxels", "mean", "std"]
    table = pd.DataFrame(rows, columns=names)
    first = table.groupby("label")["mean"].transform("first")
    highest = table.groupby("label")["mean"].transform("max")
    table["normalised_max"] = (table["mean"] - first) / (highest - first)
    table["normalised_surface"] = table["mean"] / first
    return table


@pytest.mark.parametrize("y", ["mean", "normalised_max", "normalised_surface"])
def test_population_by_depth_is_mean_and_two_standard_errors(y):
    layers = layer_table()
    figure, data = radial_profile({"one": layers}, y=y)
    shown = data[data["series"] == "population"].set_index("depth_um")
    assert shown["label"].isna().all()
    for layer, of_layer in layers.groupby("layer"):
        depth = (layer - 0.5) * THICKNESS
        values = of_layer[y].dropna().to_numpy()
        row = shown.iloc[np.argmin(np.abs(shown.index - depth))]
        assert row["n"] == len(values)
        # the same sums in another order: float64 rounding only
        assert row[y] == pytest.approx(sum(values) / len(values), rel=1e-12)
        if len(values) > 1:
            spread = np.sqrt(((values - values.mean()) ** 2).sum() / (len(values) - 1))
            assert row["se"] == pytest.approx(spread / np.sqrt(len(values)), rel=1e-9)
        else:
            assert np.isnan(row["se"])
    axes = figure.axes[0]
    line = axes.lines[0]
    np.testing.assert_allclose(line.get_ydata(), shown[y])
    band = axes.collections[0].get_paths()[0].vertices
    whole = shown.dropna(subset=["se"])
    assert band[:, 1].max() == pytest.approx((whole[y] + 2 * whole["se"]).max())
    assert band[:, 1].min() == pytest.approx((whole[y] - 2 * whole["se"]).min())


def test_picked_particles_are_their_rows():
    layers = layer_table(step=1000)
    figure, data = radial_profile({"one": layers}, [7000, 3000], population=False)
    for line, label in zip(figure.axes[0].lines, (7000, 3000), strict=True):
        rows = layers[layers["label"] == label]
        np.testing.assert_array_equal(line.get_xdata(), rows["depth_um"])
        np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
        assert line.get_label() == f"label {label}"
        here = data[data["label"] == label]
        np.testing.assert_array_equal(here["mean"], rows["mean"])
        np.testing.assert_array_equal(here["n"], rows["n_voxels"])


def test_a_label_that_is_not_there_draws_nothing():
    figure, data = radial_profile({"one": layer_table()}, [999], population=False)
    assert len(data) == 0
    assert not figure.axes[0].lines
    assert not figure.legends


def test_every_state_is_drawn_for_the_picked_particle():
    states = {"pristine": layer_table(), "4.4 V": layer_table(shift=-5)}
    figure, data = radial_profile(states, [5])
    picked = data[data["series"] == "particle"]
    assert list(picked["state"].unique()) == ["pristine", "4.4 V"]
    before, after = (picked[picked["state"] == state]["mean"].to_numpy() for state in states)
    np.testing.assert_allclose(after - before, -5)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[2:] == ["label 5, pristine", "label 5, 4.4 V"]
    assert names[0].startswith("pristine, mean ± 2 SE")


def test_the_surface_is_on_the_left_on_both_axes():
    layers = {"one": layer_table()}
    depth = radial_profile(layers).figure.axes[0]
    radius = radial_profile(layers, x="relative_radius").figure.axes[0]
    assert not depth.xaxis_inverted()
    assert radius.xaxis_inverted()
    assert radius.get_xlabel() == "Relative radius"


def test_excluded_layers_are_shaded():
    layers = layer_table()
    assert excluded_span(layers, None, 2, "depth_um") == (0.0, pytest.approx(2 * THICKNESS))
    assert excluded_span(layers, None, 0, "depth_um") is None
    assert excluded_span(layers, None, 2, "relative_radius") is None
    n_layers = int(layers[layers["label"] == 4]["layer"].max())
    span = excluded_span(layers, 4, 1, "relative_radius")
    assert span == (pytest.approx(1 - 1 / n_layers), 1.0)
    assert excluded_span(layers, 4, 99, "relative_radius") == (0.0, 1.0)
    assert excluded_span(layers, 999, 1, "relative_radius") is None
    assert excluded_span(layers.iloc[:0], 4, 1, "depth_um") is None
    axes = radial_profile({"one": layers}, exclude_layers=3).figure.axes[0]
    assert axes.patches[0].get_width() == pytest.approx(3 * THICKNESS)


def test_what_is_assumed_or_left_out_is_said():
    layers = layer_table(MAX_PICKED + 20)
    picked = list(range(1, MAX_PICKED + 11))
    figure, data = radial_profile({"one": layers}, picked, assumed=True, note="synthetic data")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "Depth (µm, assumed)"
    note = axes.get_title(loc="right")
    assert note == f"synthetic data; first {MAX_PICKED} of {len(picked)} picked"
    assert data["label"].dropna().nunique() == MAX_PICKED


def test_names_with_dollars_are_no_formula():
    state = r"$\badcommand$ 4 V"
    figure, _ = radial_profile({state: layer_table(), "b": layer_table()}, [1])
    figure.draw_without_rendering()  # raises where matplotlib takes the name for a formula


def test_one_particle_has_no_band():
    layers = layer_table(1)
    _, data = radial_profile({"one": layers}, [1])
    assert data[data["series"] == "population"]["se"].isna().all()


def test_an_emptied_figure_is_drawn_into():
    style = theme_style("#262930", "#f0f1f2")
    figure, _ = radial_profile({"one": layer_table()})
    again, _ = radial_profile({"one": layer_table()}, figure=figure, style=style)
    assert again is figure
    assert len(figure.axes) == 1
    assert figure.get_facecolor()[:3] == pytest.approx((0x26 / 255, 0x29 / 255, 0x30 / 255))


def test_particle_rows_of_an_empty_table():
    empty = layer_table().iloc[:0]
    assert len(particle_data("one", empty, [1], "depth_um", "mean")) == 0
    figure, data = radial_profile({"one": empty}, [1])
    assert len(data) == 0
    figure.draw_without_rendering()


def test_a_long_legend_makes_the_figure_higher_and_leaves_the_axes_their_room():
    few = radial_profile({"one": layer_table()}).figure
    states = {f"state {i}": layer_table() for i in range(5)}
    many = radial_profile(states, [1, 2]).figure
    for figure in (few, many):
        figure.draw_without_rendering()
    heights = [f.axes[0].get_position().height * f.get_figheight() for f in (few, many)]
    assert heights[1] == pytest.approx(heights[0], rel=0.1)  # paddings differ a little
    # the figure of a dock keeps its size
    given = radial_profile(states, [1, 2], figure=few).figure
    assert given.get_figheight() == few.get_figheight()
