"""Labels carried through states: identity, what is missing, grids, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.labelling import (
    LabelSettings,
    PropagateSettings,
    label_particles,
    propagate_labels,
)
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.tables import PARTICLES_BY_STATE
from napari_battery.volume import Volume

SIZE = (0.5, 0.5, 0.5)


def balls(centres, radii, shape=(40, 44, 90)) -> np.ndarray:
    """Grey 200 balls on 50."""
    grid = np.moveaxis(np.indices(shape), 0, -1)
    image = np.full(shape, 50, np.uint8)
    for centre, radius in zip(centres, radii, strict=True):
        image[((grid - centre) ** 2).sum(-1) < radius**2] = 200
    return image


CENTRES = np.array([(20, 21, 16), (20, 22, 40), (19, 21, 66)])
RADII = [11, 12, 13]


def scan(shift=(0, 0, 0), growth=1.0, state="later", size=SIZE, which=(0, 1, 2)) -> Volume:
    data = balls(CENTRES[list(which)] + shift, [RADII[k] * growth for k in which])
    return Volume(data, size, name=f"scan {state}", metadata={"state": state})


@pytest.fixture(scope="module")
def reference() -> Volume:
    labels = label_particles(scan(state="pristine"))
    assert labels.metadata["n_labels"] == 3
    numbers = np.array([0, 700, 20, 90_000], np.int32)  # any numbers, beyond 16 bits, too
    return labels.like(numbers[labels.data], "pristine labels", metadata={"state": "pristine"})


def at(labels: Volume, shift=(0, 0, 0)) -> list[int]:
    return [int(labels.data[tuple(np.add(centre, shift))]) for centre in CENTRES]


@pytest.mark.parametrize("method", ["seeds", "overlap"])
def test_labels_keep_their_numbers(reference, method):
    images = [scan((0, 2, 3), 1.03, "4.0 V"), scan((1, 0, -4), 0.98, "4.4 V")]
    result = propagate_labels(reference, images, PropagateSettings(method=method))
    wanted = at(reference)
    assert sorted(wanted) == [20, 700, 90_000]
    assert at(result.labels[0], (0, 2, 3)) == wanted
    assert at(result.labels[1], (1, 0, -4)) == wanted
    assert result.states == ["pristine", "4.0 V", "4.4 V"]
    for labels, state in zip(result.labels, result.states[1:], strict=True):
        assert labels.dtype == np.int32
        assert labels.same_grid(reference)
        assert labels.metadata["state"] == state
        assert labels.metadata["made"]["step"] == "propagate"
    table = result.table
    assert tuple(table.columns) == PARTICLES_BY_STATE
    assert len(table) == 9
    assert table["kept"].all()
    assert (table["reason"] == "").all()
    assert (table["cross_label"] == table["label"]).all()
    later = table[table["state"] == "4.0 V"]
    # balls on whole voxels shift exactly; growth and partial voxels move a centre by less
    assert later["shift_x_um"].to_numpy() == pytest.approx([1.5] * 3, abs=0.05)
    assert later["shift_y_um"].to_numpy() == pytest.approx([1.0] * 3, abs=0.05)
    assert later["volume_change"].to_numpy() == pytest.approx([1.03**3 - 1] * 3, abs=0.04)


def test_a_particle_that_is_gone_keeps_its_row(reference):
    result = propagate_labels(reference, [scan(which=(0, 2))])
    table = result.table.set_index(["state", "label"])
    gone = table.loc[("later", at(reference)[1])]
    assert gone["reason"] == "missing"
    assert gone["note"] == "no voxel of its core lies in this state's mask"
    assert gone["volume_voxels"] == 0
    assert np.isnan(gone["volume_change"])
    assert not table.loc[("pristine", at(reference)[1]), "kept"]
    assert table["kept"].sum() == 4
    assert at(result.labels[0])[1] == 0


def test_cancel_at_every_step(reference):
    images = [scan((0, 1, 0))]
    seen = []
    propagate_labels(reference, images, progress=CallbackProgress(lambda *a: seen.append(a)))
    stages = list(dict.fromkeys(what for _, _, what in seen))
    assert stages[0] == "pristine: reading labels"
    assert "later: growing particles" in stages
    for stop_at in range(len(seen)):
        calls = iter(range(len(seen) + 1))
        with pytest.raises(Cancelled):
            propagate_labels(
                reference,
                images,
                progress=CallbackProgress(
                    lambda *a: None, lambda calls=calls, n=stop_at: next(calls) >= n
                ),
            )


def test_what_cannot_be_labels_is_refused(reference):
    image = scan()
    with pytest.raises(InputError, match="whole numbers"):
        propagate_labels(reference.like(reference.data.astype(np.float32), "floats"), [image])
    with pytest.raises(InputError, match="negative label -3"):
        wrong = reference.data.copy()
        wrong[5, 5, 5] = -3
        propagate_labels(reference.like(wrong, "minus"), [image])
    with pytest.raises(InputError, match="holds no label"):
        propagate_labels(reference.like(np.zeros_like(reference.data), "none"), [image])
    with pytest.raises(InputError, match="no later state"):
        propagate_labels(reference, [])
    with pytest.raises(InputError, match="one grey level"):
        propagate_labels(reference, [image.like(np.full(image.shape, 7, np.uint8), "flat")])
    with pytest.raises(InputError, match="seeds need the grey levels"):
        propagate_labels(
            reference, [reference.like(reference.data, "l", metadata={"kind": "labels"})]
        )


def test_a_state_without_particles(reference):
    nothing = LabelSettings(threshold="manual", manual_threshold=250)
    for method in ("seeds", "overlap"):
        result = propagate_labels(
            reference, [scan()], PropagateSettings(method=method), label_settings=nothing
        )
        assert not result.labels[0].data.any()
        later = result.table[result.table["state"] == "later"]
        assert (later["reason"] == "missing").all()
        assert not result.table["kept"].any()
