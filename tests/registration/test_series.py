"""Series: each state onto the first, whatever it was aligned to."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.registration.series import register_series
from napari_battery.registration.series_mean import GroupMean
from napari_battery.registration.settings import RegisterSettings
from napari_battery.tables import COLUMNS, SERIES
from napari_battery.volume import Volume

SIZE = 0.4
SHIFTS = [(0, 0, 0), (1, 2.5, -1), (3, 4, -2), (-3, 1.5, 4)]


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.standard_normal((72, 72, 72)), 2.5)
    return 120 + 40 * texture / texture.std()


def state(scene: np.ndarray, k: int, shift, size: float | None = SIZE) -> Volume:
    """What lies at x in the first lies at x − shift in this one; noise is 8 % of the contrast."""
    moved = ndimage.shift(scene, np.negative(shift), order=3, mode="nearest")[8:-8, 8:-8, 8:-8]
    noise = 3 * np.random.default_rng(k + 1).standard_normal(moved.shape)
    data = np.clip(np.rint(moved + noise), 0, 255).astype(np.uint8)
    sizes = None if size is None else (size,) * 3
    return Volume(data, sizes, name=f"scan {k}", voxel_size_source="typed in")


def translations(series) -> np.ndarray:
    return np.array([t.matrix[:3, 3] for t in series.transforms if t is not None]) / SIZE


@pytest.mark.parametrize("to", ["first", "previous", "mean"])
def test_all_are_brought_onto_the_first_and_a_failure_leaves_the_rest(scene, to):
    volumes = [state(scene, k, shift) for k, shift in enumerate(SHIFTS)]
    volumes.insert(2, Volume(np.zeros((40, 40, 40), np.uint8), (SIZE,) * 3, name="empty"))
    series = register_series(iter(volumes), to=to)
    assert [t is None for t in series.transforms] == [False, False, True, False, False]
    # a twentieth of a voxel is the aim; onto the one before errors of three steps add up
    assert translations(series) == pytest.approx(np.array(SHIFTS, float), abs=0.05)
    table = series.table
    assert table["state"].tolist() == ["scan 0", "scan 1", "empty", "scan 2", "scan 3"]
    assert table["aligned"].tolist() == [True, True, False, True, True]
    assert "grey level 0 everywhere" in table["note"][2]
    assert any("empty was not aligned" in note for note in series.notes)
    assert table["note"][0] == "reference"
    done = table.loc[[1, 3, 4]]
    assert (done["correlation_after"] > 0.95).all()
    assert (done["correlation_after"] > done["correlation_before"]).all()
    # the middle of the stack goes where the truth says; turns that are left are tiny
    assert done["moved_x_um"].to_numpy() == pytest.approx(
        [-1 * SIZE, -2 * SIZE, 4 * SIZE], abs=0.02
    )
    assert tuple(table) == SERIES
    assert set(SERIES) <= set(COLUMNS)


def test_no_more_than_two_states_are_held(scene):
    alive: list[weakref.ref] = []
    most = 0

    def states():
        nonlocal most
        for k, shift in enumerate(SHIFTS):
            volume = state(scene, k, shift)
            alive.append(weakref.ref(volume.data))
            gc.collect()
            most = max(most, sum(ref() is not None for ref in alive))
            yield volume
            del volume

    register_series(states(), RegisterSettings(kind="translation", levels=2))
    assert most == 2


def test_a_file_that_cannot_be_read_fails_alone(scene):
    def opened(k: int) -> Volume:
        if k == 1:
            raise InputError("b.tif is cut short.")
        return state(scene, k, SHIFTS[k])

    series = register_series(map(opened, range(3)), RegisterSettings(kind="translation"))
    assert series.transforms[1] is None
    assert series.table["note"][1] == "b.tif is cut short."
    assert translations(series)[-1] == pytest.approx(SHIFTS[2], abs=0.05)


def test_a_jump_is_searched_for_from_nothing(scene):
    far = [(0, 0, 0), (7, -7, 6), (-7, 7, -7)]
    volumes = [state(scene, k, shift) for k, shift in enumerate(far)]
    series = register_series(volumes, RegisterSettings(kind="translation"))
    assert translations(series) == pytest.approx(np.array(far, float), abs=0.05)


def test_without_voxel_sizes_all_is_in_voxels(scene):
    volumes = [state(scene, k, SHIFTS[k], None) for k in range(2)]
    series = register_series(volumes, RegisterSettings(kind="translation"))
    assert series.table["moved_y_voxels"][1] == pytest.approx(2.5, abs=0.05)
    assert series.transforms[1].unit == "voxel"


def test_too_few_states_are_refused(scene):
    with pytest.raises(InputError, match="two states"):
        register_series([])
    with pytest.raises(InputError, match="only one state, “scan 0”"):
        register_series([state(scene, 0, (0, 0, 0))])


def test_it_stops_when_asked(scene):
    calls: list[str] = []
    progress = CallbackProgress(lambda n, total, what: calls.append(what), lambda: len(calls) > 5)
    with pytest.raises(Cancelled):
        register_series([state(scene, k, SHIFTS[k]) for k in range(3)], progress=progress)
    assert calls[0].startswith("scan 1: ")


def test_the_mean_leaves_out_what_is_missing():
    first = np.array([[1.0, 2, np.nan], [4, 5, 6]])
    mean = GroupMean(Volume(first, region=np.array([[1, 1, 1], [1, 1, 0]], bool)))
    mean.add(np.array([[3.0, np.nan, 7], [4, 8, 9]]))
    mean.add(np.array([[5.0, np.nan, 7], [4, np.nan, 0]]))
    expected = np.array([[3, 2, 7], [4, 6.5, 4.5]])
    np.testing.assert_allclose(mean.volume().data, expected, rtol=1e-6)  # float32
