"""Shapes of labels against boxes, ellipsoids and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from napari_battery.errors import InputError
from napari_battery.microstructure.shapes import label_shapes, label_sizes
from napari_battery.progress import CallbackProgress, Cancelled


def ellipsoid(shape, halves, seed, size=(1.0, 1.0, 1.0)):
    turn = Rotation.random(rng=seed).as_matrix()
    grid = np.indices(shape).reshape(3, -1).T * size
    away = (grid - (np.array(shape) * size) / 2 + 0.2) @ turn / halves
    return ((away**2).sum(axis=1) <= 1).reshape(shape), turn


@pytest.mark.parametrize(
    ("seed", "size"), [(0, (1, 1, 1)), (1, (1, 1, 1)), (2, (1.5, 1, 0.8))], ids=str
)
def test_an_ellipsoid_however_it_lies(seed, size):
    from scipy.special import elliprg

    a, b, c = 22.0, 14.0, 9.0
    mask, turn = ellipsoid([int(50 / s) for s in size], [a, b, c], seed, size)
    row = label_shapes(mask.astype(np.uint8) * 7, size).iloc[0]
    assert row.label == 7
    axes = [row.axis_long_um, row.axis_middle_um, row.axis_short_um]
    assert axes == pytest.approx([2 * a, 2 * b, 2 * c], rel=0.015)
    assert row.aspect_ratio == pytest.approx(a / c, rel=0.02)
    long = np.array([row.long_z, row.long_y, row.long_x])
    assert abs(long @ turn[:, 0]) == pytest.approx(1, abs=1e-3)
    area = 4 * np.pi * a * b * c * elliprg(a**-2, b**-2, c**-2)
    assert row.surface_area_um2 == pytest.approx(area, rel=0.03)
    assert row.roughness == pytest.approx(1, rel=0.03)
    of_ball = np.pi ** (1 / 3) * (8 * np.pi * a * b * c) ** (2 / 3)
    assert row.sphericity == pytest.approx(of_ball / area, rel=0.03)


def test_a_box_has_the_moments_of_a_box():
    labels = np.zeros((12, 16, 30), np.int32)
    labels[2:6, 3:11, 4:26] = 2
    row = label_shapes(labels, (1, 1, 1)).iloc[0]
    factor = np.sqrt(20 / 12)
    assert row.axis_long_um == pytest.approx(22 * factor)
    assert row.axis_middle_um == pytest.approx(8 * factor)
    assert row.axis_short_um == pytest.approx(4 * factor)
    assert (row.long_z, row.long_y, abs(row.long_x)) == pytest.approx((0, 0, 1))


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint16, (6, 7, 8), elements=st.sampled_from([0, 0, 1, 2, 700])))
def test_any_labels_have_scikit_images_moments(labels):
    from skimage.measure import regionprops

    table = label_shapes(labels, (1, 1, 1))
    props = regionprops(labels)
    assert list(table.label) == [p.label for p in props]
    assert list(table.volume_voxels) == [p.area for p in props]
    for row, prop in zip(table.itertuples(), props, strict=True):
        values = np.linalg.eigvalsh(_covariance(prop))
        wanted = 2 * np.sqrt(5 * (values[::-1] + 1 / 12))
        found = [row.axis_long_um, row.axis_middle_um, row.axis_short_um]
        assert found == pytest.approx(wanted, rel=1e-6)
        box = [row.bbox_z0, row.bbox_y0, row.bbox_x0, row.bbox_z1, row.bbox_y1, row.bbox_x1]
        assert box == list(prop.bbox)
    sizes = label_sizes(labels, (1, 1, 1))
    assert sizes.equals(table[sizes.columns])


def _covariance(prop):
    points = prop.coords - prop.coords.mean(axis=0)
    return points.T @ points / len(points)


def test_an_ellipse_in_a_plane():
    grid = np.ogrid[:60, :90]
    mask = ((grid[0] - 30.3) / 15) ** 2 + ((grid[1] - 44.8) / 40) ** 2 <= 1
    row = label_shapes(mask.astype(np.uint8), (0.5, 0.5)).iloc[0]
    assert [row.axis_long_um, row.axis_short_um] == pytest.approx([40, 15], rel=0.01)
    assert row.area_um2 == pytest.approx(np.pi * 20 * 7.5, rel=0.01)
    assert row.roughness == pytest.approx(1, rel=0.02)
    assert "surface_area_um2" not in row
    assert "axis_middle_um" not in row


def test_cut_and_broken_particles_are_flagged():
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[0:3, 4:6, 4:6] = 1
    labels[5:7, 2:4, 2:4] = labels[5:7, 7:9, 7:9] = 2
    table = label_shapes(labels, (1, 1, 1))
    assert list(table.touches_border) == [True, False]
    assert list(table.pieces) == [1, 2]


def test_no_labels_and_no_labels_at_all():
    assert len(label_shapes(np.zeros((3, 4, 5), int), (1, 1, 1))) == 0
    with pytest.raises(InputError, match="grey-level"):
        label_shapes(np.zeros((3, 4, 5)), (1, 1, 1))
    with pytest.raises(InputError, match="negative"):
        label_shapes(np.full((3, 4, 5), -2), (1, 1, 1))
    stop = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        label_shapes(np.ones((3, 4, 5), int), (1, 1, 1), stop)
