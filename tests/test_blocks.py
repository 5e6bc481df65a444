"""Blocks: the result does not depend on the cuts, and nothing is read that need not be."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery import blocks
from napari_battery.blocks import (
    BlockStep,
    block_result,
    compute,
    lazily,
    read_with_halo,
    windows,
)
from napari_battery.io import read_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.volume import Volume


def neighbours(halo, dtype="f8", **more):
    """A step whose result tells every voxel of the neighbourhood: weights all differ."""
    from scipy.ndimage import correlate

    size = [2 * h + 1 for h in halo]
    weights = np.random.default_rng(7).random(size)

    def run(block, window):
        inner = tuple(slice(h, n - h) for h, n in zip(halo, block.shape, strict=True))
        assert block[inner].shape == tuple(w.stop - w.start for w in window)
        return correlate(block.astype("f8"), weights)[inner].astype(dtype)

    return BlockStep(run, halo, np.dtype(dtype), **more), weights


@st.composite
def cases(draw):
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.integers(1, 9)) for _ in range(ndim))
    halo = tuple(draw(st.integers(0, 4)) for _ in range(ndim))
    sides = tuple(draw(st.integers(1, 9)) for _ in range(ndim))
    box = []
    for n in shape:
        start = draw(st.integers(0, n - 1))
        box.append(slice(start, draw(st.integers(start + 1, n))))
    return shape, halo, sides, tuple(box)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_any_cut_gives_the_whole_result(case):
    from scipy.ndimage import correlate

    shape, halo, sides, box = case
    data = np.random.default_rng(1).random(shape)
    step, weights = neighbours(halo)
    expected = correlate(data, weights, mode="reflect")  # scipy's word for numpy's symmetric
    np.testing.assert_array_equal(compute(step, data, sides=sides), expected)
    np.testing.assert_array_equal(compute(step, data, box=box, sides=sides), expected[box])
    lazy = LazyArray(shape, "f8", lambda window: data[window])
    np.testing.assert_array_equal(compute(step, lazy, box=box, sides=sides), expected[box])


@given(cases())
def test_halo_is_mirrored(case):
    shape, halo, _, box = case
    data = np.arange(np.prod(shape)).reshape(shape)
    padded = np.pad(data, [(h, h) for h in halo], "symmetric")
    there = tuple(slice(b.start, b.stop + 2 * h) for b, h in zip(box, halo, strict=True))
    np.testing.assert_array_equal(read_with_halo(data, box, halo), padded[there])


def test_windows_cover_a_box_once():
    box = (slice(3, 10), slice(0, 5))
    count = np.zeros((12, 6), int)
    for window in windows(box, (3, 2)):
        count[window] += 1
    assert (count[box] == 1).all()
    assert count.sum() == 35


def test_only_box_and_margin_are_read():
    seen = []

    def read(window):
        seen.append(window)
        return np.zeros([w.stop - w.start for w in window])

    step, _ = neighbours((2, 1, 3))
    data = LazyArray((20, 20, 20), "f8", read)
    compute(step, data, box=(slice(8, 9), slice(0, 20), slice(5, 10)))
    assert seen == [(slice(6, 11), slice(0, 20), slice(2, 13))]  # once, not per block


@pytest.mark.parametrize("ending", ["tif", "ome.zarr"])
def test_slab_by_slab_into_a_file(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(blocks, "_SLAB_BYTES", 40 * 30 * 8 * 11)  # about 11 slices
    data = np.random.default_rng(2).random((70, 40, 30))
    step, _ = neighbours((1, 2, 0), block_voxels=4000)
    told = []
    progress = CallbackProgress(lambda done, total, what: told.append((done, total, what)))
    volume = Volume(data, voxel_size_um=(1, 2, 3), metadata={"synthetic": True})
    made = {"step": "test", "notes": []}

    def finish(result):
        return volume.like(result, "done", metadata={"made": made})

    path = tmp_path / f"out.{ending}"
    written = block_result(step, data, finish, progress, "Testing", out=path)
    np.testing.assert_array_equal(np.asarray(written.data), compute(step, data))
    assert written.voxel_size_um == (1, 2, 3)
    assert read_volume(path).metadata["made"]["step"] == "test"
    assert {(t, w) for _, t, w in told} == {(told[0][1], "Testing")}
    assert told[-1][0] == told[-1][1] > 8  # every block of every slab counted once


def test_slabs_are_computed_once_however_they_are_read(monkeypatch):
    monkeypatch.setattr(blocks, "_SLAB_BYTES", 20 * 20 * 8 * 5)
    data = np.random.default_rng(3).random((23, 20, 20))
    step, _ = neighbours((1, 1, 1))
    calls = []
    counting = BlockStep(lambda b, w: calls.append(w) or step.run(b, w), step.halo, step.dtype)
    lazy = lazily(counting, data)
    expected = compute(step, data)
    np.testing.assert_array_equal(
        np.concatenate([lazy[i : i + 2] for i in range(0, 23, 2)]), expected
    )
    assert sum(w[0].stop - w[0].start for w in calls) == 23
    np.testing.assert_array_equal(lazy[4:19, 3:5, ::2], expected[4:19, 3:5, ::2])


def test_cancel_stops_within_the_running_blocks(tmp_path):
    done = []
    started = threading.Event()

    def run(block, window):
        started.set()
        done.append(window)
        return block

    step = BlockStep(run, (0, 0, 0), np.dtype("f8"), 100)
    data = np.zeros((32, 32, 32))
    stop = CallbackProgress(lambda *_: None, started.is_set)
    with pytest.raises(Cancelled):
        compute(step, data, stop, threads=2)
    assert len(done) <= 4  # two running, and one more each before the first was counted
    with pytest.raises(Cancelled):
        block_result(step, data, lambda d: Volume(d), stop, out=tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []


def test_errors_in_a_block_come_out():
    def run(block, window):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        compute(BlockStep(run, (0, 0), np.dtype("f8")), np.zeros((4, 4)))


def test_result_may_have_another_type_than_the_input():
    step = BlockStep(lambda b, w: b > 3, (0, 0), np.dtype(bool))
    result = compute(step, np.arange(9).reshape(3, 3))
    assert result.dtype == bool
    assert result.sum() == 5
