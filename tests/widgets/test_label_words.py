from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings
from napari_battery.labelling.counts import LabelCount
from napari_battery.volume import Volume
from napari_battery.widgets.label_words import about_box, about_labels, problem_text

BARE = Volume(np.zeros((2, 2, 2), np.int32))
NAN = float("nan")


def test_labels_in_words() -> None:
    assert about_labels(LabelCount(1, 1, (), NAN), BARE) == "1 particle; 1 touches the border."
    text = about_labels(LabelCount(1200, 2, (3, 4, 5, 6, 7, 8), 12.345), BARE)
    assert text == (
        "1,200 particles; 2 touch the border. Median diameter of the others 12.3 voxels. "
        "6 are in several pieces (label 3, 4, 5, 6, 7, …)."
    )


def test_a_box_in_words() -> None:
    assert about_box(LabelCount(0, 0, (), NAN), BARE) == "no particle"
    assert about_box(LabelCount(3, 3, (), NAN), BARE) == "3 particles, all cut by the box"
    assumed = BARE.with_voxel_size(1.0, "assumed 1 µm")
    assert about_box(LabelCount(3, 1, (), 4), assumed) == (
        "3 particles; median diameter of the 2 whole ones 4 µm (voxel size assumed)"
    )


def test_problems_in_words() -> None:
    assert problem_text(InputError("No.")) == "No."
    with pytest.raises(ValidationError) as caught:
        LabelSettings(marker_depth=0)
    assert problem_text(caught.value) == "Marker depth: input should be greater than 0."
