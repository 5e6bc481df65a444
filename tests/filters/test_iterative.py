"""Iterative filters beside scikit-image's and their formulas."""

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle

from napari_battery.filters import DiffusionSettings, TotalVariationSettings, filter_image
from napari_battery.volume import Volume

GREY = np.random.default_rng(0).normal(100, 10, (9, 10, 11))


@pytest.mark.parametrize(("dtype", "atol"), [("f8", 1e-11), ("f4", 1e-3)])  # a few roundings each
@pytest.mark.parametrize("iterations", [2, 17])
def test_total_variation_is_scikit_images(dtype, atol, iterations):
    image = Volume(GREY.astype(dtype))
    chosen = TotalVariationSettings(noise=10, strength=1.3, iterations=iterations)
    theirs = {"weight": 13, "eps": 0, "max_num_iter": iterations}
    expected = denoise_tv_chambolle(image.data, **theirs)
    np.testing.assert_allclose(filter_image(image, chosen).data, expected, atol=atol)
    flat = filter_image(image, chosen.model_copy(update={"per_slice": True})).data
    expected = np.stack([denoise_tv_chambolle(part, **theirs) for part in image.data])
    np.testing.assert_allclose(flat, expected, atol=atol)


def diffused(grey, edge, iterations, edges):
    """Perona and Malik (1990), conductance 1 / (1 + (d / K)²), no flow through the faces."""
    time = 1 / (1 + 2 * sum(1 / e**2 for e in edges))
    for _ in range(iterations):
        change = np.zeros(grey.shape)
        for axis, e in enumerate(edges):
            slope = np.diff(grey, axis=axis) / e
            flow = slope / (1 + (slope / edge) ** 2) / e
            flow[np.isnan(flow)] = 0
            before, after = (
                [(k, 1 - k) if a == axis else (0, 0) for a in range(3)] for k in (0, 1)
            )
            change += np.pad(flow, before) - np.pad(flow, after)
        grey = grey + time * change
    return grey


@pytest.mark.parametrize("size", [(1, 1, 1), (2.5, 1, 1)])
@pytest.mark.parametrize("gaps", [False, True])
def test_diffusion_is_perona_and_maliks(size, gaps):
    grey = GREY.copy()
    if gaps:
        grey[4, 4, 4:6] = np.nan
    chosen = DiffusionSettings(noise=10, strength=1.5, iterations=6)
    found = filter_image(Volume(grey, voxel_size_um=size), chosen).data
    np.testing.assert_allclose(found, diffused(grey, 15, 6, size), rtol=1e-12)
    # what leaves a voxel arrives in its neighbours
    np.testing.assert_allclose(np.nansum(found), np.nansum(grey), rtol=1e-12)


def test_an_edge_above_the_noise_stays():
    step = np.where(np.arange(20) < 10, 50.0, 150.0) * np.ones((20, 20, 1))
    noisy = step + np.random.default_rng(1).normal(0, 5, step.shape)
    for chosen in (DiffusionSettings(iterations=10, noise=5), TotalVariationSettings(noise=5)):
        found = filter_image(Volume(noisy), chosen).data
        assert (found - step)[:, :, :8].std() < 0.5 * 5
        height = found[:, :, 10].mean() - found[:, :, 9].mean()
        assert height > 85  # of 100
