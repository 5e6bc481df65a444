from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.radial import core_table, delta_core_mean


def _layers(rng: np.random.Generator, labels: list[int]) -> tuple[pd.DataFrame, dict[int, list]]:
    rows, voxels = [], {}
    for label in labels:
        voxels[label] = [rng.normal(50_000, 3, rng.integers(1, 30)) for _ in range(label % 9 + 1)]
        rows += [(label, k + 1, g.size, g.mean(), g.std()) for k, g in enumerate(voxels[label])]
    return pd.DataFrame(rows, columns=["label", "layer", "n_voxels", "mean", "std"]), voxels


@pytest.mark.parametrize("exclude", [0, 1, 5, 100])
def test_core_equals_the_voxels(exclude: int) -> None:
    layers, voxels = _layers(np.random.default_rng(0), [3, 7, 8, 2**40])
    particles = pd.DataFrame({"label": [2**40, 3, 8, 99, 7]})
    table = core_table(particles, layers, exclude).set_index("label")
    for label in particles["label"]:
        core = np.concatenate([np.zeros(0), *voxels.get(label, [])[exclude:]])
        assert table.loc[label, "core_voxels"] == core.size
        if core.size:
            # Large levels with small spread: what cancellation would spoil.
            assert table.loc[label, "core_mean"] == pytest.approx(core.mean(), rel=1e-14)
            assert table.loc[label, "core_std"] == pytest.approx(core.std(), rel=1e-8, abs=1e-9)
        else:
            assert np.isnan(table.loc[label, "core_mean"])
            assert np.isnan(table.loc[label, "core_std"])


def test_layers_without_grey_levels_count_nothing() -> None:
    layers = pd.DataFrame(
        {
            "label": [1, 1],
            "layer": [1, 2],
            "n_voxels": [4, 0],
            "mean": [7, np.nan],
            "std": [1, np.nan],
        }
    )
    table = core_table(pd.DataFrame({"label": [1]}), layers, 0)
    assert table.loc[0, ["core_mean", "core_std", "core_voxels"]].tolist() == [7, 1, 4]


def test_empty_tables() -> None:
    layers = pd.DataFrame({name: [] for name in ("label", "layer", "n_voxels", "mean", "std")})
    assert len(core_table(pd.DataFrame({"label": []}), layers, 5)) == 0


def test_delta_matches_by_label_and_keeps_the_missing() -> None:
    reference = pd.DataFrame({"label": [5, 1, 2], "core_mean": [10.0, 20.0, np.nan]})
    later = pd.DataFrame({"label": [1, 9, 5, 2], "core_mean": [18.5, 3.0, 11.0, 4.0]})
    delta = delta_core_mean(reference, later)
    assert delta["label"].tolist() == [1, 2, 5, 9]
    np.testing.assert_array_equal(delta["delta_core_mean"], [-1.5, np.nan, 1.0, np.nan])
