"""Regression: on the published Table 2, against numpy and scipy, and on data it must refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.cli import main
from napari_battery.errors import InputError
from napari_battery.microstructure.regression import regress
from napari_battery.plots.regression import regression_plot
from napari_battery.samples import sample_path

TABLE = sample_path("nmc811_expansion/table2.csv")


def table2() -> pd.DataFrame:
    return pd.read_csv(TABLE)


def test_the_published_table_does_not_give_the_published_equation() -> None:
    model = regress(table2(), "expansion", ["porosity", "tortuosity"])
    published = np.array([-0.0491, 0.7286, -0.0902])
    # by the normal equations, which nobody here wrote
    data = table2()
    design = np.column_stack([np.ones(4), data["porosity"], data["tortuosity"]])
    ours = np.linalg.lstsq(design, data["expansion"], rcond=None)[0]
    found = model.coefficients["coefficient"].to_numpy()
    assert found == pytest.approx(ours, rel=1e-9)
    assert found == pytest.approx([-0.36431, 0.68019, 0.03739], abs=5e-6)
    assert np.sign(found[2]) != np.sign(published[2])
    assert design[3] @ published == pytest.approx(0.459, abs=5e-4)  # observed: 0.26
    assert model.r2 == pytest.approx(0.999823, abs=5e-7)
    assert model.mse == pytest.approx(1.263e-6, rel=1e-3)
    assert model.mse_dof == pytest.approx(4 * model.mse)
    assert model.residual_dof == 1
    assert model.coefficients["vif"].iloc[1:].to_numpy() == pytest.approx([509.33] * 2, abs=0.01)
    assert model.rows["leverage"].iloc[3] == pytest.approx(0.9993, abs=5e-5)
    assert model.correlations.set_index("column").loc["porosity", "tortuosity"] == pytest.approx(
        -0.9990, abs=5e-5
    )
    assert len(model.warnings) >= 4
    assert model.rows["sample"].iloc[3] == "DIT"


def test_leaving_one_out_is_leaving_one_out() -> None:
    data = table2()
    model = regress(data, "expansion", ["porosity", "tortuosity"])
    for i in range(4):
        rest = data.drop(index=i)
        three = np.linalg.solve(
            np.column_stack([np.ones(3), rest["porosity"], rest["tortuosity"]]), rest["expansion"]
        )
        row = data.loc[i]
        predicted = three @ [1, row["porosity"], row["tortuosity"]]
        assert model.rows["loo_prediction"].iloc[i] == pytest.approx(predicted, rel=1e-6)
    assert list(model.rows["loo_prediction"].round(4)) == [0.0672, 0.0545, 0.0878, 0.3474]
    assert model.q2 == pytest.approx(0.729, abs=5e-4)


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_one_predictor_agrees_with_scipy(seed: int) -> None:
    from scipy.stats import linregress

    rng = np.random.default_rng(seed)
    x = rng.normal(size=15)
    y = 2 * x + rng.normal(size=15)
    model = regress(pd.DataFrame({"x": x, "y": y}), "y", ["x"])
    theirs = linregress(x, y)
    slope = model.coefficients.iloc[1]
    assert slope["coefficient"] == pytest.approx(theirs.slope)
    assert slope["standard_error"] == pytest.approx(theirs.stderr)
    assert slope["p_value"] == pytest.approx(theirs.pvalue, abs=1e-12)
    assert model.r2 == pytest.approx(theirs.rvalue**2)
    assert slope["vif"] == pytest.approx(1.0)


def test_good_data_are_not_warned_of() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(60, 2))
    y = 1 + x @ [2, -3] + rng.normal(0, 0.1, 60)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    model = regress(table, "y", ["a", "b"])
    assert not [w for w in model.warnings if "leverage" not in w]
    row = model.coefficients.iloc[1]
    assert row["ci_low"] < 2 < row["ci_high"]


def test_as_many_coefficients_as_samples() -> None:
    model = regress(table2().iloc[:3], "expansion", ["porosity", "tortuosity"])
    assert model.residual_dof == 0
    assert model.coefficients["ci_low"].isna().all()
    assert np.isnan(model.q2)
    assert np.isnan(model.mse_dof)
    assert any("cannot be predicted" in warning for warning in model.warnings)


def test_rows_with_empty_cells_are_left_out_and_said() -> None:
    data = table2()
    data.loc[4] = ["new", 0.5, np.nan, 0.4, 3.0, 0.1]
    model = regress(data, "expansion", ["porosity", "tortuosity"])
    assert model.n == 4
    assert "left out" in model.notes[0]


@pytest.mark.parametrize(
    ("target", "on", "words"),
    [
        ("expansion", ["depth"], "no column “depth”"),
        ("expansion", [], "at least one"),
        ("expansion", ["expansion"], "named twice"),
        ("expansion", ["sample"], "no number"),
        ("expansion", ["porosity", "same"], "exactly the same"),
        ("expansion", ["flat"], "same value"),
        ("expansion", ["porosity", "tortuosity", "porosity_cycled", "tortuosity_cycled"],
         "4 whole samples for 5"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused(target: str, on: list[str], words: str) -> None:
    data = table2().assign(same=lambda t: 2 - 3 * t["porosity"], flat=1.0)
    with pytest.raises(InputError, match=words):
        regress(data, target, on)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["regress", str(TABLE), "--target", "expansion", "--on", "porosity,tortuosity"]
    assert main([*arguments, "-o", str(tmp_path / "run"), "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert err == ""
    assert said["coefficients"]["tortuosity"]["coefficient"] == pytest.approx(0.0374, abs=1e-4)
    assert said["q2"] == pytest.approx(0.729, abs=1e-3)
    assert said["warnings"]
    assert {p.name for p in (tmp_path / "run").iterdir()} == set(said["files"])
    assert main(["regress", str(TABLE), "--target", "expansion", "--on", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_figures_show_every_sample() -> None:
    for on in (["porosity", "tortuosity"], ["porosity"]):
        model = regress(table2(), "expansion", on)
        plot = regression_plot(model.rows, model.coefficients, "expansion", on)
        assert len(plot.data) == 4
        axes = plot.figure.axes[-1]
        assert any(list(line.get_ydata()) == list(model.rows["fitted"]) for line in axes.lines)
