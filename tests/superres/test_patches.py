import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.superres.patches import Patches, fixed_patches
from napari_battery.superres.training_image import TrainingImage


def _numbered(shape, valid=None, group="one"):
    """An image in which each voxel holds its own number (exact in float32 below 2²⁴)."""
    low = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return TrainingImage("numbered", group, low, -low, (3.0,) * 3, (1.0,) * 3, valid)


@given(
    st.tuples(st.integers(1, 6), st.integers(4, 12), st.integers(4, 12)),
    st.sampled_from([1, 3, 5]),
    st.integers(1, 5),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_answer_is_the_middle_of_what_is_read(shape, slices, patch, seed):
    image = _numbered(shape)
    if shape[0] < slices or min(shape[1:]) < patch:
        with pytest.raises(InputError, match="too few"):
            Patches([image], slices, patch)
        return
    x, y = Patches([image], slices, patch, seed).draw(8)
    assert x.shape == (8, slices, patch, patch)
    assert x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(x[:, slices // 2 : slices // 2 + 1], -y)


def test_turning_keeps_neighbours_neighbours_and_gives_all_sixteen_symmetries():
    image = _numbered((3, 4, 4))
    x, _ = Patches([image], 3, 4, 0).draw(400)
    assert len({block.tobytes() for block in x}) == 16
    for block in x:
        steps = [{int(v) for v in np.unique(np.abs(np.diff(block, axis=a)))} for a in range(3)]
        assert steps in ([{16}, {4}, {1}], [{16}, {1}, {4}])


def test_every_place_is_equally_likely_also_over_several_images():
    images = [_numbered((1, 5, 5)), _numbered((2, 4, 5))]
    patches = Patches(images, 1, 4, 3)
    assert patches.count == 4 + 4
    x, _ = patches.draw(8000, turned=False)
    _, counts = np.unique(
        x[:, 0, 0, 0] + 100 * (x[:, 0, 1, 0] - x[:, 0, 0, 0] == 4), return_counts=True
    )
    # places 0, 1, 5 and 6 of the first, 0, 1, 20 and 21 of the second; both have rows of 5
    assert counts.sum() == 8000
    assert counts.min() > 850


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_patches_hold_valid_voxels_only_and_every_place_that_does(seed, slices, patch):
    rng = np.random.default_rng(seed)
    valid = rng.random((4, 7, 8)) < 0.9
    image = _numbered(valid.shape, valid)
    windows = np.lib.stride_tricks.sliding_window_view(valid, (slices, patch, patch))
    expected = int(windows.all(axis=(3, 4, 5)).sum())
    if expected == 0:
        with pytest.raises(InputError, match="no place"):
            Patches([image], slices, patch)
        return
    patches = Patches([image], slices, patch, seed)
    assert patches.count == expected
    x, _ = patches.draw(20)
    assert valid.ravel()[x.astype(int).ravel()].all()
    found = [patches._at(k)[0] for k in range(expected)]
    assert len({block.tobytes() for block in found}) == expected


def test_a_restored_state_goes_on_as_if_nothing_had_happened():
    image = _numbered((3, 20, 20))
    uninterrupted = Patches([image], 3, 8, 5)
    first = uninterrupted.draw(7)
    state = json.loads(json.dumps(uninterrupted.state))
    rest = uninterrupted.draw(9)
    again = Patches([image], 3, 8, 123)
    again.state = state
    resumed = again.draw(9)
    for a, b in zip(rest, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], rest[0][:7])


def test_validation_patches_are_the_same_each_time():
    image = _numbered((3, 20, 20))
    one, other = (fixed_patches([image], 1, 8, 6) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(np.diff(one[0], axis=3), 1)  # as it stands in the image


def test_even_slices_and_no_images_are_refused():
    with pytest.raises(InputError, match="odd"):
        Patches([_numbered((4, 8, 8))], 2, 4)
    with pytest.raises(InputError, match="no images"):
        Patches([], 1, 4)


def test_images_of_two_shapes_make_no_pair():
    with pytest.raises(InputError, match="equal"):
        TrainingImage("a", "a", np.zeros((1, 4, 4)), np.zeros((1, 4, 5)), (1,) * 3, (1,) * 3)
