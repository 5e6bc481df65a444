"""What the surroundings of each voxel look like, at several scales."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.classifier_settings import ClassifierSettings

__all__ = ["feature_margin", "feature_names", "features"]

_TRUNCATE = 3.0
_PART_VOXELS = 2**16


def feature_names(settings: ClassifierSettings, is_flat: bool) -> tuple[str, ...]:
    """Names of the features, in their order; scales in the settings' unit of length.

    Parameters
    ----------
    settings : ClassifierSettings
        Uses the scales and the kinds of features.
    is_flat : bool
        Whether slices are looked at one by one.
    """
    names = ["grey"]
    for scale in _scales(settings):
        names.append(f"Gaussian {scale:g}")
        if settings.difference:
            names.append(f"difference {scale:g}")
        if settings.gradient:
            names.append(f"gradient {scale:g}")
        if settings.laplacian:
            names.append(f"Laplacian {scale:g}")
        if settings.hessian:
            names += [f"Hessian {scale:g}, eigenvalue {k}" for k in range(1, 3 if is_flat else 4)]
    return tuple(names)


def feature_margin(
    settings: ClassifierSettings, spacing: tuple[float, float, float], is_flat: bool
) -> tuple[int, int, int]:
    """Voxels beyond a block that its features depend on, in z, y, x; settings in voxels."""
    sigmas = _sigmas(max(_scales(settings)), spacing, is_flat)
    # one more voxel for the derivatives
    z, y, x = (int(_TRUNCATE * sigma + 0.5) + 1 for sigma in sigmas)
    return (0 if is_flat else z), y, x


def features(
    block: NDArray[np.float32],
    settings: ClassifierSettings,
    spacing: tuple[float, float, float],
    is_flat: bool,
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Compute the features of a block, a few slices at a time.

    Gaussian, gradient magnitude, Laplacian of Gaussian, difference of Gaussians and
    eigenvalues of the Hessian (descending), at each scale, and the grey level itself.
    Derivatives are differences of neighbours in the smoothed block.

    Parameters
    ----------
    block : (z, y, x) float32 array
        Grey levels with `feature_margin` on every side.
    settings : ClassifierSettings
        Lengths in voxels.
    spacing : three floats
        Voxel edges in z, y, x, the shortest 1.
    is_flat : bool
        Whether slices are looked at one by one.

    Yields
    ------
    rows : slice
        Slices of the inner block.
    values : (n, n_features) float32 array
        Of their voxels in z, y, x order, columns as in `feature_names`.
    """
    from scipy import ndimage

    from napari_battery.labelling._features import difference, scale_features

    margin = feature_margin(settings, spacing, is_flat)
    # what derivatives need; in z there is nothing beyond a single slice
    rim = (0 if is_flat else 1, 1, 1)
    kept = tuple(
        slice(m - r, n - (m - r)) for m, r, n in zip(margin, rim, block.shape, strict=True)
    )
    smooth = []
    for scale in _scales(settings):
        sigmas = _sigmas(scale, spacing, is_flat)
        wide = ndimage.gaussian_filter(block, sigmas, truncate=_TRUNCATE)
        smooth.append(np.ascontiguousarray(wide[kept]))
    grey = np.ascontiguousarray(block[kept])
    n_z, n_y, n_x = (n - 2 * r for n, r in zip(grey.shape, rim, strict=True))
    n_features = len(feature_names(settings, is_flat))
    step = max(_PART_VOXELS // max(n_y * n_x, 1), 1)
    edges = np.array(spacing, np.float64)
    for start in range(0, n_z, step):
        rows = slice(start, min(start + step, n_z))
        values = np.empty((rows.stop - start, n_y, n_x, n_features), np.float32)
        with_rim = slice(start, rows.stop + 2 * rim[0])
        values[..., 0] = grey[rim[0] + start : rim[0] + rows.stop, 1:-1, 1:-1]
        column, finer = 1, grey
        for wide in smooth:
            values[..., column] = wide[rim[0] + start : rim[0] + rows.stop, 1:-1, 1:-1]
            column += 1
            if settings.difference:
                difference(wide[with_rim], finer[with_rim], rim[0], values, column)
                column += 1
            at = [-1, -1, -1]
            for k, wanted in enumerate((settings.gradient, settings.laplacian, settings.hessian)):
                if wanted:
                    at[k] = column
                    column += 1 if k < 2 else (2 if is_flat else 3)
            scale_features(wide[with_rim], edges, is_flat, values, at[0], at[1], at[2])
            finer = wide
        yield rows, values.reshape(-1, n_features)


def _scales(settings: ClassifierSettings) -> list[float]:
    return [settings.smallest_scale * 2**k for k in range(settings.n_scales)]


def _sigmas(scale: float, spacing: tuple[float, ...], is_flat: bool) -> list[float]:
    sigmas: list[Any] = [scale / edge for edge in spacing]
    return [0.0, *sigmas[1:]] if is_flat else sigmas
