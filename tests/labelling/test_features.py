"""Features against numpy and scikit-image, whole and in parts."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import hessian_matrix_eigvals

from napari_battery.labelling import features as module
from napari_battery.labelling._features import scale_features
from napari_battery.labelling.classifier_settings import ClassifierSettings
from napari_battery.labelling.features import feature_margin, feature_names, features

CUBES = (1.0, 1.0, 1.0)


def computed(block, settings, spacing=CUBES, is_flat=False):
    parts = [values for _, values in features(block, settings, spacing, is_flat)]
    return dict(zip(feature_names(settings, is_flat), np.concatenate(parts).T, strict=True))


def noise(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.parametrize("is_flat", [False, True])
def test_features_of_a_parabola_are_its_derivatives(is_flat):
    settings = ClassifierSettings(n_scales=1)
    z, y, x = np.meshgrid(*[np.arange(-9.0, 10)] * 3, indexing="ij")
    spacing = (2.0, 1.0, 1.0)
    z = 2 * z  # in units of the shortest edge
    block = 0.5 * (3 * z**2 + y**2 - 2 * x**2) + y * x
    got = computed(block.astype(np.float32), settings, spacing, is_flat)
    margin = feature_margin(settings, spacing, is_flat)
    inner = tuple(slice(m, n - m) for m, n in zip(margin, block.shape, strict=True))
    z, y, x = (a[inner].ravel() for a in (z, y, x))
    # a Gaussian adds a constant to a parabola, and leaves its derivatives; float32 of 1e3
    step = [(0 if is_flat else 3) * z, y + x, -2 * x + y]
    assert got["gradient 1"] == pytest.approx(np.sqrt(sum(d**2 for d in step)), abs=2e-3)
    assert got["Laplacian 1"] == pytest.approx(-1.0 if is_flat else 2.0, abs=2e-3)
    eigen = np.linalg.eigvalsh([[1, 1], [1, -2]])[::-1]
    if not is_flat:
        eigen = np.sort([3, *eigen])[::-1]
    for k, value in enumerate(eigen, 1):
        assert got[f"Hessian 1, eigenvalue {k}"] == pytest.approx(value, abs=2e-3)


def test_gaussians_and_their_differences():
    block = noise((20, 24, 26))
    settings = ClassifierSettings(n_scales=2, hessian=False, gradient=False, laplacian=False)
    margin = feature_margin(settings, CUBES, False)
    inner = tuple(slice(m, n - m) for m, n in zip(margin, block.shape, strict=True))
    got = computed(block, settings)
    one, two = (ndimage.gaussian_filter(block, s, truncate=3)[inner].ravel() for s in (1, 2))
    assert got["grey"] == pytest.approx(block[inner].ravel())
    assert got["Gaussian 1"] == pytest.approx(one)
    assert got["difference 1"] == pytest.approx(one - block[inner].ravel(), abs=1e-6)
    assert got["difference 2"] == pytest.approx(two - one, abs=1e-6)
    assert len(got) == 5


@pytest.mark.parametrize("is_flat", [False, True])
def test_eigenvalues_equal_skimages(is_flat):
    smooth = ndimage.gaussian_filter(noise((12, 14, 16)), 1)
    if is_flat:
        smooth = smooth[:1]
    rim = 0 if is_flat else 1
    shape = (smooth.shape[0] - 2 * rim, 12, 14)
    values = np.empty((*shape, 3), np.float32)
    scale_features(smooth, np.ones(3), is_flat, values, -1, -1, 0)

    def second(a, b):
        kernel = np.zeros((3, 3, 3))
        if a == b:
            kernel[1, 1, 1] = -2
            for d in (0, 2):
                kernel[tuple(d if k == a else 1 for k in range(3))] = 1
        else:
            for p in (0, 2):
                for q in (0, 2):
                    at = [1, 1, 1]
                    at[a], at[b] = p, q
                    kernel[tuple(at)] = 0.25 if p == q else -0.25
        return ndimage.correlate(smooth.astype(float), kernel)

    axes = (1, 2) if is_flat else (0, 1, 2)
    pairs = [second(a, b) for i, a in enumerate(axes) for b in axes[i:]]
    theirs = hessian_matrix_eigvals(pairs)
    cut = slice(None) if is_flat else slice(1, -1)
    for k in range(len(axes)):
        # float32 values of order one
        assert values[..., k] == pytest.approx(theirs[k][cut, 1:-1, 1:-1], abs=1e-5)


@pytest.mark.parametrize("is_flat", [False, True])
def test_parts_equal_the_whole(is_flat, monkeypatch):
    block = noise((30, 31, 32), 1)
    settings = ClassifierSettings(n_scales=2)
    whole = computed(block, settings, is_flat=is_flat)
    margin = feature_margin(settings, CUBES, is_flat)
    shape = [n - 2 * m for n, m in zip(block.shape, margin, strict=True)]
    monkeypatch.setattr(module, "_PART_VOXELS", 100)
    corner = (3, 5, 2)
    cut = tuple(slice(c, c + 2 * m + 6) for c, m in zip(corner, margin, strict=True))
    part = computed(block[cut], settings, is_flat=is_flat)
    inner = tuple(slice(c, c + 6) for c in corner)
    for name, values in whole.items():
        assert np.array_equal(part[name].reshape(6, 6, 6), values.reshape(shape)[inner]), name


def test_names_tell_scales_apart_and_switches_work():
    names = feature_names(ClassifierSettings(smallest_scale=0.5), False)
    assert len(set(names)) == len(names) == 1 + 4 * 7
    assert "Hessian 4, eigenvalue 3" in names
    bare = ClassifierSettings(difference=False, gradient=False, laplacian=False, hessian=False)
    assert feature_names(bare, True) == ("grey", *(f"Gaussian {s}" for s in (1, 2, 4, 8)))
    assert len(computed(noise((60, 60, 60)), bare)) == 5
