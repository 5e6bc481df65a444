"""A saved figure has its data and its provenance beside it, or nothing is there."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from napari_battery.errors import InputError
from napari_battery.plots import Plot, save_plot
from napari_battery.plots.style import new_figure, theme_style
from napari_battery.tables import read_table

MADE = {"program": "napari-battery", "step": "profile"}


def plot():
    figure = new_figure()
    figure.add_subplot().plot([0, 1], [2, 3])
    return Plot(figure, pd.DataFrame({"label": [1, 2], "mean": [2.0, np.nan]}))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figure_data_and_provenance_are_written(tmp_path, kind):
    path = tmp_path / f"profile.{kind}"
    files = save_plot(plot(), path, MADE)
    assert [f.name for f in files] == [path.name, "profile.csv", f"{path.name}.provenance.json"]
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted(f.name for f in files)
    head = path.read_bytes()[:5]
    if kind == "png":
        assert imread(path).shape[1] == pytest.approx(85 / 25.4 * 300, abs=1)  # 300 dpi
    elif kind == "svg":
        root = ET.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert any(e.tag.endswith("text") for e in root.iter())  # text stays text
    else:
        assert head == b"%PDF-"
    assert read_table(tmp_path / "profile.csv")["mean"].isna().tolist() == [False, True]
    assert json.loads(files[2].read_text()) == MADE


def test_another_ending_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.png, \.svg or \.pdf"):
        save_plot(plot(), tmp_path / "profile.jpg", MADE)
    with pytest.raises(InputError, match="does not exist"):
        save_plot(plot(), tmp_path / "nowhere" / "profile.png", MADE)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "profile.png"
    save_plot(plot(), path, MADE)
    before = path.read_bytes()
    broken = plot()

    def fail(target, **_):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(broken.figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_plot(broken, path, MADE)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_styles_follow_the_window():
    dark, light = theme_style("#262930", "#f0f1f2"), theme_style("#efebe9", "#3b3a39")
    assert dark.palette != light.palette
    assert dark.colour(0) == dark.colour(len(dark.palette))


def test_plots_load_no_matplotlib_until_used():
    code = (
        "import sys, napari_battery.plots, napari_battery.maps; print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
