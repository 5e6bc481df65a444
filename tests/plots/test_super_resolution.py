"""Figures of super-resolution show the numbers of their tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.plots import (
    grey_histograms,
    patch_comparison,
    quality_plot,
    theme_style,
    training_curves,
)
from napari_battery.tables import SUPERRES_QUALITY

METHODS = ("cubic", "cubic + grey match", "a $model")


def quality() -> pd.DataFrame:
    rows = [
        (method, metric, 20 + i, 2.0, 19.5 + i, 20.4 + i, 12, np.nan, np.nan, np.nan)
        for i, method in enumerate(METHODS)
        for metric in ("psnr_db", "ssim", "mse")
    ]
    return pd.DataFrame(rows, columns=list(SUPERRES_QUALITY))


def test_quality_shows_mean_spread_and_interval():
    figure, data = quality_plot(quality(), note="synthetic")
    assert set(data["metric"]) == {"psnr_db", "ssim"}
    left, right = figure.axes
    assert left.get_xlabel() == "PSNR (dB)"
    assert right.get_xlabel() == "SSIM"
    assert [t.get_text() for t in left.get_yticklabels()] == [
        "cubic", "cubic + grey match", r"a \$model",
    ]  # fmt: skip
    dot, spread, interval = left.lines[3:6]
    assert dot.get_xdata()[0] == 21
    assert list(spread.get_xdata()) == [19, 23]
    assert list(interval.get_xdata()) == [20.5, 21.4]
    assert list(interval.get_ydata()) == [1, 1]
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the first method is on top
    assert right.get_title(loc="right") == "synthetic"
    figure.draw_without_rendering()


def test_a_method_without_the_metric_is_left_blank():
    table = quality()
    table = table[(table["method"] != "cubic") | (table["metric"] != "ssim")]
    figure, _ = quality_plot(table)
    assert [len(axes.lines) for axes in figure.axes] == [9, 6]


def histograms() -> pd.DataFrame:
    edges = np.linspace(-0.2, 1.2, 15)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "series": name,
                    "value_from": edges[:-1],
                    "value_to": edges[1:],
                    "density": np.eye(14)[place],
                }
            )
            for name, place in (("high scan", 4), ("cubic + grey match", 6), ("m", 8))
        ],
        ignore_index=True,
    )


def test_histograms_of_chosen_series_are_drawn_in_order():
    style = theme_style("#262930", "#f0f1f2")
    figure, data = grey_histograms(histograms(), ("m", "high scan"), style=style)
    assert list(dict.fromkeys(data["series"])) == ["high scan", "m"]
    (axes,) = figure.axes
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["m", "high scan"]
    first, last = axes.get_xlim()
    assert (first, last) == pytest.approx((0.2, 0.7))  # from the first filled bin to the last
    assert axes.patches[1].get_edgecolor()[:3] == pytest.approx(
        tuple(v / 255 for v in (0xF0, 0xF1, 0xF2))
    )
    figure.draw_without_rendering()


def history(n: int = 5) -> pd.DataFrame:
    epoch = np.arange(1, n + 1)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "seconds": epoch * 3.0,
            **{
                f"{part}_{name}": np.exp(-epoch / 3) + shift
                for part, shift in (("train", 0.0), ("validation", 0.1))
                for name in ("mse", "mae", "psnr", "ssim")
            },
        }
    )


def test_training_curves_show_training_and_validation():
    table = history()
    figure, data = training_curves(table)
    assert [axes.get_ylabel() for axes in figure.axes] == ["MSE", "MAE", "PSNR (dB)", "SSIM"]
    for axes, name in zip(figure.axes, ("mse", "mae", "psnr", "ssim"), strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), table[f"train_{name}"])
        np.testing.assert_array_equal(axes.lines[1].get_ydata(), table[f"validation_{name}"])
    assert len(data.columns) == 9
    figure.draw_without_rendering()
    again, _ = training_curves(table.iloc[:1], figure=figure)
    assert again is figure
    assert figure.axes[0].lines[0].get_marker() == "o"  # one epoch is no line


def test_an_odd_number_of_curves_leaves_no_empty_axes():
    figure, _ = training_curves(history().drop(columns=["train_ssim", "validation_ssim"]))
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]
    figure.draw_without_rendering()


def test_nothing_to_draw_is_said():
    with pytest.raises(InputError, match="none of psnr_db, ssim"):
        quality_plot(quality().iloc[:0])
    with pytest.raises(InputError, match="no grey-level histogram"):
        grey_histograms(histograms(), ("nobody",))
    for table in (
        history().iloc[:0],
        history().drop(columns="epoch"),
        pd.DataFrame({"epoch": [1]}),
    ):
        with pytest.raises(InputError, match="a training history holds"):
            training_curves(table)


def test_patches_stand_side_by_side_in_one_grey_range():
    rng = np.random.default_rng(0)
    high = rng.random((20, 30)).astype(np.float32)
    figure, data = patch_comparison(high + 0.1, high + 0.01, high)
    # differences of 0.1 and 0.01 at a data range of 1, in float32
    np.testing.assert_allclose(data["psnr_db"], [20, 40], atol=1e-3)
    shown = [axes.images[0] for axes in figure.axes]
    assert len({image.get_clim() for image in shown}) == 1
    assert [axes.get_title() for axes in figure.axes] == [
        "low, 20.0 dB",
        "predicted, 40.0 dB",
        "high",
    ]
    figure.draw_without_rendering()
    assert patch_comparison(high, high, high, figure=figure)[0] is figure
