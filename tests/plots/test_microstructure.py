"""Figures of a microstructure draw the numbers of its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.microstructure.greys import grey_distributions
from napari_battery.microstructure.measure import measure_microstructure
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.sample import grey_sample
from napari_battery.plots.microstructure import microstructure_figures
from napari_battery.plots.microstructure_bars import microstructure_bars
from napari_battery.plots.microstructure_expansion import expansion_plot
from napari_battery.volume import Volume


def image(seed: int, shift: float = 0.0, name: str = "a") -> Volume:
    grey = np.random.default_rng(seed).normal(100 + shift, 10, (32, 32, 32))
    return Volume(grey, (1.0,) * 3, name=name)


def test_every_figure_draws_its_table() -> None:
    images = [image(0), image(1, 5.0, "b")]
    samples = [grey_sample(one, [100]) for one in images]
    choice = MicrostructureSettings(metrics="volume_fractions,profiles", directions="z")
    result = measure_microstructure(samples, choice)
    greys = grey_distributions(images)
    figures = microstructure_figures(
        result.table, result.curves, result.representative, result.thresholds, result.titles, greys
    )
    assert set(figures) == {"bars", "profiles", "representative", "thresholds", "grey_levels"}
    bars = figures["bars"].figure.axes[0]
    whole = result.table[
        (result.table["region"] == "whole") & (result.table["metric"] == "volume_fraction")
    ]
    assert sorted(p.get_height() for p in bars.patches) == pytest.approx(sorted(whole["value"]))
    lines = figures["profiles"].figure.axes[0].lines
    drawn = result.curves["profiles"].query("phase == 'pore' and volume == 'a'")["fraction"]
    assert list(lines[0].get_ydata()) == list(drawn)


def test_greys_of_two_normal_images_are_a_shift_apart() -> None:
    greys, shifts = grey_distributions([image(0), image(1, 5.0, "b")])
    assert greys.groupby("volume")["fraction"].sum().to_numpy() == pytest.approx([1, 1])
    row = shifts.set_index("volume").loc["b"]
    assert row["shift_mean"] == pytest.approx(5, abs=0.3)
    assert row["distance"] == pytest.approx(5, abs=0.5)  # Wasserstein's of equal shapes
    first = image(0).data
    assert shifts["mean"].iloc[0] == pytest.approx(first.mean())
    assert shifts["sd"].iloc[0] == pytest.approx(first.std())


def test_expansion_is_drawn_of_whole_particles() -> None:
    particles = pd.DataFrame(
        {
            "label": [1, 2, 3], "volume_first_um3": [10.0, 20.0, 30.0], "states": "a → b",
            "expansion": [0.1, 0.3, 9.0], "touches_border": [False, False, True],
        }
    )  # fmt: skip
    plot = expansion_plot(particles)
    assert list(plot.figure.axes[0].lines[0].get_ydata()) == [0.1, 0.3]
    assert list(plot.data["label"]) == [1, 2]
    with pytest.raises(InputError, match="No whole particle"):
        expansion_plot(particles[particles["touches_border"]])


def test_labels_have_no_grey_levels() -> None:
    labels = Volume(np.zeros((4, 4, 4), np.int32), metadata={"kind": "labels"})
    with pytest.raises(InputError, match="no grey levels"):
        grey_distributions([labels])
    with pytest.raises(InputError, match="no voxel"):
        grey_distributions([Volume(np.full((4, 4, 4), np.nan))])


def test_infinite_values_are_written_not_drawn() -> None:
    table = pd.DataFrame(
        {
            "volume": ["a", "b"], "region": "whole", "metric": "k", "axis": "z", "phase": "pore",
            "value": [np.inf, 2.0], "unit": "", "sd": np.nan, "ci_low": np.nan, "ci_high": np.nan,
        }
    )  # fmt: skip
    axes = microstructure_bars(table).figure.axes[0]
    assert [p.get_height() for p in axes.patches] == [2.0]
    assert "∞" in [text.get_text() for text in axes.texts]
    with pytest.raises(InputError, match="No finite value"):
        microstructure_bars(table[table["volume"] == "a"])
