from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_battery.radial import radial_tables
from napari_battery.volume import Volume

SHAPE = (60, 60, 60)


def _cells() -> Any:
    """Eight balls of radius 14."""
    grid = np.indices(SHAPE)
    inside = ((grid % 30 - 14.5) ** 2).sum(axis=0) < 14**2
    cell = (grid // 30 * np.reshape([4, 2, 1], (3, 1, 1, 1))).sum(axis=0) + 1
    return np.where(inside, cell, 0)


LABELS = _cells()
NOISY = ndimage.gaussian_filter(np.where(LABELS, 174.0, 90.0), 1)
NOISY += np.random.default_rng(0).normal(0, 11, SHAPE)


def _warned(image: Any, **metadata: Any) -> bool:
    result = radial_tables(Volume(LABELS, (1, 1, 1)), Volume(image, (1, 1, 1), metadata=metadata))
    return any("unsmoothed" in note for note in result.notes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_raw_noise_raises_no_warning(dtype: Any) -> None:
    scale = 200 if dtype == np.uint16 else 1
    assert not _warned((NOISY * scale).round().astype(dtype))
    assert not _warned(np.where(LABELS, 174, 90).astype(dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_filtered_noise_raises_a_warning(dtype: Any) -> None:
    assert _warned(ndimage.gaussian_filter(NOISY, 1).astype(dtype))
    assert _warned(ndimage.median_filter(NOISY, 3).astype(dtype))


def test_non_local_means_raise_a_warning() -> None:
    from skimage.restoration import denoise_nl_means

    # As scikit-image recommends it for a known noise.
    smooth = denoise_nl_means(NOISY, patch_size=5, patch_distance=4, h=0.8 * 11, sigma=11)
    assert _warned(smooth.astype(np.float32))


def test_history_of_the_layer_raises_a_warning() -> None:
    assert _warned(NOISY, made={"step": "filter"})


def test_a_resampled_image_is_not_called_smoothed_as_well() -> None:
    coarse = Volume(NOISY[::2, ::2, ::2].astype(np.float32), (2, 2, 2), name="coarse")
    notes = radial_tables(Volume(LABELS, (1, 1, 1)), coarse).notes
    assert sum("resampled" in note for note in notes) == 1
    assert not any("unsmoothed" in note for note in notes)
