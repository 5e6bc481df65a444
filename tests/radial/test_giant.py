"""Particles too big to copy must come out as if they were not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_battery.radial import RadialResult, RadialSettings, giant, layers, radial_tables
from napari_battery.volume import Volume


def _blobs(shape: tuple[int, ...], seed: int = 0) -> Any:
    """Two ragged labels, one of them in pieces."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, [n // 4 for n in shape])
    return np.kron(coarse, np.ones((4,) * len(shape), int)).astype(np.uint16)


def _run(labels: Any, grey: Any, size: tuple[float, ...]) -> RadialResult:
    return radial_tables(
        Volume(labels, size), Volume(grey, size), RadialSettings(centroid_shells=True)
    )


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (2.0, 0.7, 1.0), (0.5, 0.8)])
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
def test_streamed_equals_copied(
    monkeypatch: pytest.MonkeyPatch, size: tuple[float, ...], dtype: str
) -> None:
    shape = (20, 24, 28)[-len(size) :]
    labels = _blobs(shape)
    grey = np.random.default_rng(2).normal(60, 20, shape).clip(0, 120).astype(dtype)
    if dtype == "f4":
        grey[..., ::5] = np.nan
    copied = _run(labels, grey, size)
    monkeypatch.setattr(layers, "_SMALL_VOXELS", 10)
    monkeypatch.setattr(layers, "_ANY_VOXELS", 10)
    monkeypatch.setattr(giant, "_BLOCK_VOXELS", 3 * 24 * 28)
    monkeypatch.setattr(giant, "_SORTABLE", 40)
    streamed = _run(labels, grey, size)
    # The same sums in another order.
    pd.testing.assert_frame_equal(streamed.particles, copied.particles, rtol=1e-10)
    pd.testing.assert_frame_equal(streamed.layers, copied.layers, rtol=1e-10, atol=1e-9)
    assert streamed.shells is not None
    pd.testing.assert_frame_equal(streamed.shells, copied.shells, rtol=1e-10, atol=1e-9)


def test_a_label_of_the_whole_volume() -> None:
    """5.2 million voxels in one label: over the limit without being told."""
    labels = np.ones((174, 174, 174), np.uint8)
    result = radial_tables(Volume(labels, (1, 1, 1)), Volume(labels, (1, 1, 1)))
    row = result.particles.iloc[0]
    assert row["n_layers"] == 87
    assert row["volume_voxels"] == 174**3
    inner = 174 - 2 * (result.layers["layer"].to_numpy() - 1)
    # The layers of a cube are nested cubes: only the nearest face matters.
    np.testing.assert_array_equal(result.layers["n_voxels"], inner**3 - (inner - 2) ** 3)
