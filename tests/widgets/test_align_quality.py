from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.widgets.align_quality import MetricCurve, QualityPanel, figures_html

QUALITY: dict[str, Any] = {
    "metric": "mutual-information",
    "correlation_before": -0.0512,
    "correlation_after": 0.9871,
    "mutual_information_before": 0.02,
    "mutual_information_after": 1.25,
    "random_mutual_information_mean": 0.031,
    "random_mutual_information_std": 0.012,
    "overlap_fraction": 0.62,
    "residual_shift_median_um": 0.0214,
    "residual_shift_p95_um": None,
    "residual_shifts": [
        {"centre": [1.0, 10 * i, 5.0], "shift": [0.0, 0.01 * i, 0.02], "correlation": 0.9}
        for i in range(4)
    ],
    "warnings": ["A magnification of 1.300 was found."],
}


def test_figures_are_given_before_and_after_with_units() -> None:
    text = figures_html(QUALITY)
    for words in ("−0.051", "0.987", "1.250", "0.03&nbsp;±&nbsp;0.01", "0.62", "0.0214 µm"):
        assert words in text
    assert "95 %" not in text  # it is not known
    assert figures_html({}).count("<tr>") == 1


def test_warnings_stand_out_and_go(viewer: ViewerModel, qtbot: QtBot) -> None:
    panel = QualityPanel(viewer)
    qtbot.addWidget(panel)
    panel.show_quality(QUALITY, ["The voxel size of “a” is assumed."])
    assert "magnification of 1.300" in panel.warnings.text()
    assert "assumed" in panel.notes.text()
    assert panel.residuals.isVisibleTo(panel)
    axes = panel.residuals.figure.axes[0]
    assert len(axes.collections[0].get_offsets()) == 4
    assert "×" in axes.get_xlabel()
    panel.show_quality({**QUALITY, "residual_shifts": []})
    assert not panel.residuals.isVisibleTo(panel)
    panel.forget()
    assert not panel.warnings.isVisibleTo(panel)
    assert not panel.table.isVisibleTo(panel)


def test_arrows_are_enlarged_by_a_round_number_to_a_fifth_of_the_map(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    panel = QualityPanel(viewer)
    qtbot.addWidget(panel)
    panel.show_quality(QUALITY)
    arrows = panel.residuals.figure.axes[0].collections[0]
    longest = float(np.hypot(arrows.U, arrows.V).max())
    # spread 30 µm, longest shift .036 µm: the largest round factor up to 6 / .036
    assert longest == pytest.approx(100 * np.hypot(0.03, 0.02), rel=1e-12)


def test_curve_marks_where_levels_begin(viewer: ViewerModel, qtbot: QtBot) -> None:
    curve = MetricCurve(viewer)
    qtbot.addWidget(curve)
    curve.show_steps([(1, 0.5), (1, 0.7), (2, 0.8)], "Correlation")
    axes = curve.figure.axes[0]
    assert list(axes.lines[0].get_ydata()) == [0.5, 0.7, 0.8]
    assert list(axes.lines[1].get_xdata()) == [2.5, 2.5]
    assert axes.get_ylabel() == "Correlation"
