from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.radial import population_profile


@pytest.fixture
def layers() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for label in range(1, 40):
        n = int(rng.integers(1, 15))
        for k in range(1, n + 1):
            g = np.nan if rng.random() < 0.05 else rng.normal(100, 10)
            rows.append((label, k, (k - 0.5) * 0.3, 1 - (k - 0.5) / n, g))
    return pd.DataFrame(rows, columns=["label", "layer", "depth_um", "relative_radius", "mean"])


def test_by_depth(layers: pd.DataFrame) -> None:
    profile = population_profile(layers)
    own = layers.dropna().groupby("depth_um")["mean"].agg(["mean", "sem", "count"])
    np.testing.assert_allclose(profile["depth_um"], own.index)
    np.testing.assert_allclose(profile["mean"], own["mean"])
    np.testing.assert_allclose(profile["se"], own["sem"])
    assert profile["n"].tolist() == own["count"].tolist()


def test_by_relative_radius_each_particle_counts_once_a_bin(layers: pd.DataFrame) -> None:
    profile = population_profile(layers, axis="relative_radius", bins=5)
    own = layers.dropna()
    own = own.assign(bin=np.minimum((own["relative_radius"] * 5).astype(int), 4))
    once = own.groupby(["bin", "label"])["mean"].mean().groupby("bin").agg(["mean", "sem", "count"])
    np.testing.assert_allclose(profile["relative_radius"], (once.index + 0.5) / 5)
    np.testing.assert_allclose(profile["mean"], once["mean"])
    np.testing.assert_allclose(profile["se"], once["sem"])
    assert profile["n"].tolist() == once["count"].tolist()


def test_chosen_labels_and_nothing(layers: pd.DataFrame) -> None:
    some = population_profile(layers, labels=[3, 8, 500])
    pd.testing.assert_frame_equal(some, population_profile(layers[layers["label"].isin([3, 8])]))
    one = population_profile(layers, labels=[8])
    assert one["se"].isna().all()
    for axis in ("depth_um", "relative_radius"):
        none = population_profile(layers, labels=[], axis=axis)  # type: ignore[arg-type]
        assert list(none.columns) == [axis, "mean", "se", "n"]
        assert len(none) == 0
