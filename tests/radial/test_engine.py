"""Particle and layer tables against an independent reference and analytic shapes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.radial import RadialResult, RadialSettings, radial_tables
from napari_battery.tables import LAYERS, PARTICLES_2D, PARTICLES_3D, SHELLS
from napari_battery.volume import Volume

_spec = importlib.util.spec_from_file_location(
    "reference", Path(__file__).with_name("reference.py")
)
assert _spec is not None
assert _spec.loader is not None
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

LABELS = reference.touching_balls((34, 40, 45), 25, 9.0)
GREY = np.random.default_rng(1).normal(120, 25, LABELS.shape).clip(0, 255).astype(np.uint8)


def run(labels: Any, grey: Any, size: Any = None, **options: Any) -> RadialResult:
    engine = {k: options.pop(k) for k in ("workers", "block_bytes", "progress") if k in options}
    size = size or (1.0,) * np.ndim(labels)
    return radial_tables(
        Volume(labels, size, name="labels"),
        Volume(grey, size, name="image"),
        RadialSettings(**options),
        **engine,
    )


def assert_layers(result: RadialResult, expected: pd.DataFrame) -> None:
    columns = list(expected.columns)
    # Sums in another order: float64 differs in the last digits only.
    pd.testing.assert_frame_equal(
        result.layers[columns], expected, check_dtype=False, rtol=1e-10, atol=1e-9
    )


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "u2", "i2", ">u2", "i4", "f2", "f4", ">f4", "f8", "?"]
)
def test_layers_equal_reference_for_every_grey_type(dtype: str) -> None:
    grey = GREY.astype(np.float64) - (130 if dtype in ("i1", "i2") else 0)
    grey = grey > 120 if dtype == "?" else grey.astype(dtype)
    assert_layers(run(LABELS, grey), reference.layer_rows(LABELS, grey))


def test_means_of_bytes_equal_great2_in_float32() -> None:
    """GRAPES divides a sum by a count and keeps float32."""
    layers = run(LABELS, GREY).layers
    for label, own in layers.groupby("label"):
        layer = reference.layers_of(label == LABELS)
        sums = np.bincount(layer.ravel(), GREY.ravel())[1:]
        means = (sums / np.bincount(layer.ravel())[1:]).astype(np.float32)
        np.testing.assert_array_equal(own["mean"].to_numpy(np.float32), means)


@pytest.mark.parametrize("size", [(3.0, 1.0, 1.0), (0.5, 0.7, 1.1), (0.325, 0.65, 0.325)])
def test_anisotropic_layers(size: tuple[float, ...]) -> None:
    result = run(LABELS, GREY, size)
    assert_layers(result, reference.layer_rows(LABELS, GREY, size))
    # No layer is empty, no voxel lost, and the surface is in layer 1 whichever way it faces.
    assert (result.layers["n_voxels"] > 0).all()
    total = result.layers.groupby("label")["n_voxels"].sum()
    assert (total.to_numpy() == result.particles["volume_voxels"].to_numpy()).all()


def test_given_thickness() -> None:
    result = run(LABELS, GREY, (0.5,) * 3, layer_thickness_um=1.25)
    label = int(result.particles.loc[result.particles["n_layers"].idxmax(), "label"])
    padded = np.pad(label == LABELS, 1)
    distance = ndimage.distance_transform_edt(padded)[1:-1, 1:-1, 1:-1] * 0.5
    layer = np.maximum(np.floor(distance / 1.25 + 0.5), 1)[label == LABELS].astype(int)
    own = result.layers.query("label == @label")
    np.testing.assert_array_equal(own["n_voxels"], np.bincount(layer)[1:])
    np.testing.assert_allclose(own["depth_um"], (own["layer"] - 0.5) * 1.25)
    with pytest.raises(InputError, match=r"0\.4 µm .* 0\.5 µm"):
        run(LABELS, GREY, (0.5,) * 3, layer_thickness_um=0.4)


def test_particle_columns_equal_the_voxels() -> None:
    result = run(LABELS, GREY, (0.5,) * 3, exclude_layers=2)
    assert tuple(result.particles.columns) == PARTICLES_3D
    assert tuple(result.layers.columns) == LAYERS
    for row in result.particles.itertuples():
        mask = row.label == LABELS
        g = GREY[mask].astype(np.float64)
        layer = reference.layers_of(mask)
        core = GREY[layer > 2].astype(np.float64)
        where = np.argwhere(mask)
        assert row.volume_voxels == g.size
        assert row.n_layers == layer.max()
        assert (row.min, row.max, row.median) == (g.min(), g.max(), np.median(g))
        np.testing.assert_allclose([row.mean, row.std], [g.mean(), g.std()], rtol=1e-12)
        assert row.core_voxels == core.size
        if core.size:
            np.testing.assert_allclose(
                [row.core_mean, row.core_std], [core.mean(), core.std()], rtol=1e-10, atol=1e-9
            )
        else:
            assert np.isnan(row.core_mean)
            assert "no core" in row.note
        np.testing.assert_allclose(
            [row.centroid_z_um, row.centroid_y_um, row.centroid_x_um], where.mean(axis=0) * 0.5
        )
        box = [row.bbox_z0, row.bbox_y0, row.bbox_x0, row.bbox_z1, row.bbox_y1, row.bbox_x1]
        assert box == [*where.min(axis=0), *(where.max(axis=0) + 1)]
        edge = (where == 0).any() or (where == np.array(LABELS.shape) - 1).any()
        assert row.touches_border == edge
        assert ("pieces" in row.note) == (ndimage.label(mask, np.ones((3, 3, 3)))[1] > 1)


@pytest.mark.parametrize("radius", [10, 15.3, 22])
def test_sphere(radius: float) -> None:
    n = int(2 * radius) + 5
    grid = np.indices((n, n, n)) - (n - 1) / 2 + 0.2
    mask = (grid**2).sum(axis=0) <= radius**2
    row = run(mask, np.zeros(mask.shape, np.uint8), (2.0,) * 3).particles.iloc[0]
    # 1 %: the accuracy that is promised from a radius of 10 voxels on.
    assert row["surface_area_um2"] == pytest.approx(4 * np.pi * (2 * radius) ** 2, rel=0.01)
    assert row["volume_um3"] == pytest.approx(4 / 3 * np.pi * (2 * radius) ** 3, rel=0.01)
    assert row["sphericity"] == pytest.approx(1, rel=0.01)
    assert abs(row["n_layers"] - radius) <= 1


@pytest.mark.parametrize("size", [(2.0, 1.0, 1.0), (1.0, 1.5, 0.75)])
def test_sphere_of_anisotropic_voxels(size: tuple[float, ...]) -> None:
    radius = 24.0
    shape = [int(2 * radius / edge) + 4 for edge in size]
    grid = np.indices(shape) - (np.reshape(shape, (3, 1, 1, 1)) - 1) / 2
    mask = ((grid * np.reshape(size, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2
    row = run(mask, np.zeros(mask.shape, np.uint8), size).particles.iloc[0]
    assert row["surface_area_um2"] == pytest.approx(4 * np.pi * radius**2, rel=0.01)


def test_two_dimensions() -> None:
    labels = reference.touching_balls((80, 90), 20, 12.0)
    grey = np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.uint8)
    result = run(labels, grey, (0.5, 0.5))
    assert tuple(result.particles.columns) == PARTICLES_2D
    assert_layers(result, reference.layer_rows(labels, grey))
    assert_layers(run(labels, grey, (1.0, 0.6)), reference.layer_rows(labels, grey, (1.0, 0.6)))


def test_circle() -> None:
    y, x = np.indices((90, 90)) - 44.3
    row = run(y**2 + x**2 <= 40**2, np.zeros((90, 90), np.uint8), (0.5, 0.5)).particles.iloc[0]
    # Four directions leave up to 1 % for round shapes of this size.
    assert row["perimeter_um"] == pytest.approx(2 * np.pi * 20, rel=0.01)
    assert row["circularity"] == pytest.approx(1, rel=0.02)
    y, x = (np.indices((160, 80)) - [[[79.7]], [[39.6]]]) * [[[0.5]], [[1.0]]]
    row = run(y**2 + x**2 <= 35**2, np.zeros((160, 80), np.uint8), (0.5, 1.0)).particles.iloc[0]
    assert row["perimeter_um"] == pytest.approx(2 * np.pi * 35, rel=0.02)


@pytest.mark.parametrize(
    ("dtype", "factor"),
    [
        ("u1", 1),
        ("i2", 1),
        (">u2", 2000),
        ("u4", 10**8),
        ("i8", 10**15 + 1),
        ("u8", 2**58),
        ("f4", 1),
    ],
)
def test_label_types_and_sparse_labels(dtype: str, factor: int) -> None:
    labels = LABELS.astype(object) * factor
    result = run(labels.astype(dtype), GREY)
    base = run(LABELS, GREY)
    np.testing.assert_array_equal(
        result.particles["label"].to_numpy().astype(object),
        base.particles["label"].to_numpy().astype(object) * factor,
    )
    pd.testing.assert_frame_equal(
        result.layers.drop(columns="label"), base.layers.drop(columns="label")
    )


def test_wrong_labels_are_refused() -> None:
    negative = LABELS.copy()
    negative[0, 0, 0] = -3
    with pytest.raises(InputError, match="negative"):
        run(negative, GREY)
    with pytest.raises(InputError, match="fraction"):
        run(LABELS + 0.5, GREY)
    with pytest.raises(InputError, match="axes"):
        radial_tables(Volume(LABELS, (1, 1, 1)), Volume(GREY[0], (1, 1)))
    with pytest.raises(InputError, match="voxel size"):
        radial_tables(Volume(LABELS), Volume(GREY))


def test_no_particles() -> None:
    result = run(np.zeros((5, 6, 7), np.uint16), np.zeros((5, 6, 7)), centroid_shells=True)
    full = run(LABELS, GREY, centroid_shells=True)
    assert len(result.particles) == len(result.layers) == 0
    assert list(result.particles.dtypes) == list(full.particles.dtypes)
    assert list(result.layers.dtypes) == list(full.layers.dtypes)
    assert "no particles" in result.notes[0]


def test_single_voxels_and_cut_particles() -> None:
    labels = np.zeros((7, 7, 7), np.uint8)
    labels[3, 3, 3], labels[0, 5, 5] = 4, 9
    result = run(labels, GREY[:7, :7, :7], exclude_layers=0)
    assert result.particles["n_layers"].tolist() == [1, 1]
    assert result.particles["touches_border"].tolist() == [False, True]
    assert result.particles["core_voxels"].tolist() == [1, 1]
    assert result.layers["normalised_max"].isna().all()
    assert result.particles["note"].str.contains("one layer only").all()
    note = " ".join(run(labels, GREY[:7, :7, :7]).notes)
    assert "2 of 2 particles have no core" in note
    assert "labels 4, 9" in note


def test_not_a_number_is_counted_and_left_out() -> None:
    grey = GREY.astype(np.float32)
    label = 5
    holes = np.argwhere(label == LABELS)[::7]
    grey[tuple(holes.T)] = np.nan
    grey[tuple(holes[0])] = np.inf
    result = run(LABELS, grey)
    assert_layers(result, reference.layer_rows(LABELS, grey))
    row = result.particles.set_index("label").loc[label]
    own = grey[label == LABELS].astype(np.float64)
    assert row["volume_voxels"] == own.size
    assert row["mean"] == pytest.approx(own[np.isfinite(own)].mean(), rel=1e-12)
    assert row["median"] == np.median(own[np.isfinite(own)])
    assert f"{len(holes)} voxels without a grey level" in row["note"]
    assert any(note.startswith(f"{len(holes)} voxels") for note in result.notes)
    empty = run(LABELS, np.full(LABELS.shape, np.nan))
    assert empty.particles["mean"].isna().all()
    assert (empty.particles["n_layers"] == result.particles["n_layers"]).all()


def test_normalisations() -> None:
    layer = np.stack([reference.layers_of(k == LABELS) for k in range(1, 26)]).max(axis=0)
    rising = run(LABELS, (100 + 5.0 * layer))
    own = rising.layers
    first = own.groupby("label")["mean"].transform("first")
    top = own.groupby("label")["mean"].transform("max")
    several = own.groupby("label")["layer"].transform("max") > 1
    expected = ((own["mean"] - first) / (top - first)).where(several)
    np.testing.assert_allclose(own["normalised_max"], expected)
    np.testing.assert_allclose(own["normalised_surface"], own["mean"] / first)
    falling = run(LABELS, 100 - 5.0 * layer)
    assert falling.layers["normalised_max"].isna().all()
    assert falling.particles["note"].str.contains("surface layer is the brightest").any()
    noise = np.random.default_rng(3).normal(0, 1, LABELS.shape)
    flat = run(LABELS, 100 + noise + 0.01 * layer)
    assert flat.particles["note"].str.contains("beyond noise").any()
    dark = run(LABELS, 5.0 * (layer - 1))
    assert dark.layers["normalised_surface"].isna().all()
    assert dark.particles["note"].str.contains("not above 0").all()


def test_region_limits_and_flags() -> None:
    region = np.zeros(LABELS.shape, bool)
    region[5:, 4:30, :] = True
    limited = radial_tables(
        Volume(LABELS, (1, 1, 1), region=region), Volume(GREY, (1, 1, 1)), block_bytes=1 << 14
    )
    inside = np.where(region, LABELS, 0)
    assert_layers(limited, reference.layer_rows(inside, GREY))
    beside = ndimage.binary_dilation(~region) & region
    faces = np.ones(LABELS.shape, bool)
    faces[1:-1, 1:-1, 1:-1] = False
    cut = np.unique(inside[beside | (faces & region)])
    flagged = limited.particles.loc[limited.particles["touches_border"], "label"]
    assert set(flagged) == set(cut[cut > 0])
    other = radial_tables(Volume(LABELS, (1, 1, 1)), Volume(GREY, (1, 1, 1), region=region))
    pd.testing.assert_frame_equal(other.particles, limited.particles)


def test_region_of_a_flat_image() -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[2:6, 2:6], labels[8:10, 8:10] = 1, 2
    region = np.ones((12, 12), bool)
    region[:, 7:] = False
    region[3, 4] = False
    result = radial_tables(
        Volume(labels, (1, 1), region=region), Volume(labels.astype(float), (1, 1))
    )
    assert result.particles["label"].tolist() == [1]
    assert result.particles["area_pixels"].tolist() == [15]
    assert result.particles["touches_border"].tolist() == [True]


def test_disconnected_labels_are_named() -> None:
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[1:3, 1:3, 1:3] = labels[6:8, 6:8, 6:8] = 1
    labels[3:5, 3:5, 3:5] = 2
    labels[5, 5, 5] = 2  # joined across a corner
    result = run(labels, GREY[:9, :9, :9])
    assert "in 2 separate pieces" in result.particles["note"][0]
    assert "pieces" not in result.particles["note"][1]
    assert any("1 of 2 labels are in separate pieces: label 1." in note for note in result.notes)


def test_shells_from_the_centroid() -> None:
    result = run(LABELS, GREY, (1.0, 0.5, 0.5), centroid_shells=True)
    assert result.shells is not None
    assert tuple(result.shells.columns) == SHELLS
    for label, own in result.shells.groupby("label"):
        where = np.argwhere(label == LABELS) * [1.0, 0.5, 0.5]
        shell = np.floor(np.linalg.norm(where - where.mean(axis=0), axis=1)).astype(int)
        grey = GREY[label == LABELS].astype(np.float64)
        n = np.bincount(shell)
        has = n > 0
        np.testing.assert_array_equal(own["n_voxels"], n[has])
        np.testing.assert_array_equal(own["shell"], np.flatnonzero(has) + 1)
        np.testing.assert_allclose(own["mean"], (np.bincount(shell, grey) / np.maximum(n, 1))[has])
        np.testing.assert_allclose(own["radius_um"], np.flatnonzero(has) + 0.5)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(["u2", ">i4", "i8"]),
    order=st.permutations([0, 1, 2]),
    flip=st.booleans(),
    block=st.sampled_from([1, 5000, 1 << 26]),
    workers=st.integers(1, 3),
)
def test_storage_and_tiling_change_nothing(
    seed: int, dtype: str, order: list[int], flip: bool, block: int, workers: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = ndimage.zoom(rng.integers(0, 4, (4, 5, 3)), 3, order=0)
    labels = np.where(labels, labels * 70_000 if dtype != "u2" else labels * 9000, 0)
    grey = rng.integers(0, 4000, labels.shape).astype(np.uint16)
    stored = np.ascontiguousarray(labels.astype(dtype).transpose(order)).transpose(
        np.argsort(order)
    )
    if flip:
        stored = np.ascontiguousarray(stored[::-1])[::-1]
    result = run(stored, grey, workers=workers, block_bytes=block)
    base = run(labels.astype(np.int32), grey, workers=1)
    # Bit for bit: every particle is summed in one order, wherever it was read from.
    pd.testing.assert_frame_equal(result.particles, base.particles, check_exact=True)
    pd.testing.assert_frame_equal(result.layers, base.layers, check_exact=True)
    assert_layers(result, reference.layer_rows(labels, grey))


def test_lazy_and_mapped_arrays(tmp_path: Path) -> None:
    import dask.array as da
    import zarr

    base = run(LABELS, GREY)
    np.save(tmp_path / "labels.npy", LABELS)
    mapped = np.load(tmp_path / "labels.npy", mmap_mode="r")
    stored = zarr.create_array(tmp_path / "grey.zarr", data=GREY, chunks=(16, 16, 16))
    lazy = da.from_array(LABELS, chunks=(10, 20, 30), name=False)
    for labels, grey in [(mapped, GREY), (lazy, stored), (LABELS, stored)]:
        result = run(labels, grey, block_bytes=40_000)
        pd.testing.assert_frame_equal(result.particles, base.particles)
        pd.testing.assert_frame_equal(result.layers, base.layers)


def test_cancel_stops_the_run() -> None:
    reported: list[tuple[int, int, str]] = []

    def report(done: int, total: int, what: str) -> None:
        reported.append((done, total, what))

    stop = CallbackProgress(report, lambda: len(reported) > 3)
    with pytest.raises(Cancelled):
        run(LABELS, GREY, progress=stop)
    assert len(reported) == 4
    watched = CallbackProgress(report)
    run(LABELS, GREY, progress=watched)
    assert reported[-1] == (25, 25, "Measuring particles")


def test_voxel_size_of_one_serves_both_and_other_grids_are_resampled() -> None:
    lent = radial_tables(Volume(LABELS, name="l"), Volume(GREY, (0.5,) * 3, name="g"))
    assert lent.voxel_size_um == (0.5,) * 3
    assert "that of the image “g” was used" in lent.notes[0]
    moved = radial_tables(
        Volume(LABELS, (1, 1, 1)), Volume(GREY[:, 2:], (1, 1, 1), origin_um=(0, 2, 0))
    )
    assert "resampled" in moved.notes[0]
    assert moved.provenance["notes"] == list(moved.notes)
    whole = run(LABELS, GREY).particles
    inner = whole["bbox_y0"] >= 2
    np.testing.assert_allclose(moved.particles["mean"][inner], whole["mean"][inner], rtol=1e-6)


def test_import_is_light() -> None:
    code = (
        "import sys, napari_battery.radial; "
        "assert not {'numba', 'scipy', 'napari', 'qtpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.lists(st.tuples(*[st.integers(0, 7), st.integers(1, 5)] * 3), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_pieces_are_counted_as_scipy_counts_them(boxes: list[tuple[int, ...]]) -> None:
    mask = np.zeros((12, 12, 12), np.uint16)
    for z, depth, y, height, x, width in boxes:
        mask[z : z + depth, y : y + height, x : x + width] = 1
    (note,) = run(mask, np.ones_like(mask)).particles["note"]
    pieces = ndimage.label(mask, np.ones((3, 3, 3)))[1]
    assert (f"in {pieces} separate pieces" in note) == (pieces > 1)
