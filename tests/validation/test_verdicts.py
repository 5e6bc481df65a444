"""Errors against a known truth, and what makes a verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.tables import VALIDATION
from napari_battery.validation.settings import ValidationSettings
from napari_battery.validation.verdicts import (
    NO_VERDICT,
    NOT_VALIDATED,
    VALIDATED,
    validation_table,
    verdict_sentences,
)

SETTINGS = ValidationSettings(resamples=1000, tolerance=0.05)
HIGH = np.linspace(0.4, 0.6, 12)


def table(metric: str = "porosity", settings: ValidationSettings = SETTINGS, **methods):
    rows = [
        {
            "region": i + 1, "method": method, "metric": metric, "axis": "", "phase": "pore",
            "value": v, "unit": "",
        }
        for method, values in methods.items()
        for i, v in enumerate(values)
    ]  # fmt: skip
    models = [m for m in methods if m not in ("high", "cubic")]
    return validation_table(
        pd.DataFrame(rows), settings, truth="high", baseline="cubic", models=models
    )


def test_a_known_error_is_found():
    wiggle = np.tile([0.01, -0.01], 6)
    found = table(high=HIGH, cubic=HIGH + 0.1, model=HIGH + 0.02 + wiggle).set_index("method")
    assert list(found.reset_index()[list(VALIDATION)]) == list(VALIDATION)
    row = found.loc["model"]
    assert row["bias"] == pytest.approx(0.02)
    assert row["error"] == pytest.approx(0.02)  # 0.03 and 0.01 in turn
    assert row["relative_error"] == pytest.approx(0.02 / 0.5)
    assert row["improvement"] == pytest.approx(0.08)
    assert row["improvement_ci_low"] > 0.07
    assert np.isnan(found.loc["cubic", "improvement"])
    assert found.loc["cubic", "verdict"] == ""


def test_both_a_gain_over_cubic_and_a_small_error_are_needed():
    noise = np.random.default_rng(0).normal(0, 0.003, 12)
    verdict = {
        name: table(high=HIGH, cubic=HIGH + off, model=HIGH + own + noise).iloc[-1]
        for name, off, own in (("good", 0.1, 0.0), ("far", 0.2, 0.1), ("equal", 0.002, 0.0))
    }
    assert verdict["good"]["verdict"] == VALIDATED
    assert verdict["far"]["verdict"] == NOT_VALIDATED
    assert "more than 5.0%" in verdict["far"]["why"]
    assert "nearer" not in verdict["far"]["why"]
    assert verdict["equal"]["verdict"] == NOT_VALIDATED
    assert "not shown to be nearer" in verdict["equal"]["why"]


def test_infinite_values_are_told_apart():
    """κ is infinite where nothing percolates: in both scans, or in one only."""
    high, cubic, model = HIGH + 1, HIGH + 2, HIGH + 1.001
    high[0] = cubic[0] = model[0] = np.inf  # says nothing
    cubic[1] = np.inf  # the model is right there
    row = table("kappa", high=high, cubic=cubic, model=model).iloc[-1]
    assert (row["n_regions"], row["n_infinite"], row["verdict"]) == (11, 0, VALIDATED)
    model[2] = np.inf
    row = table("kappa", high=high, cubic=cubic, model=model).iloc[-1]
    assert (row["n_infinite"], row["verdict"]) == (1, NOT_VALIDATED)
    assert "1 of 11 regions" in row["why"]


def test_few_regions_give_no_verdict_and_no_truth_is_refused():
    assert table(high=HIGH[:4], cubic=HIGH[:4], model=HIGH[:4]).iloc[-1]["verdict"] == NO_VERDICT
    with pytest.raises(InputError, match="could be measured on “high”"):
        table(cubic=HIGH, model=HIGH)


def test_sentences_name_what_holds_and_what_does_not():
    rows = [
        ("m", "porosity", "", "pore", VALIDATED),
        ("m", "kappa", "z", "", NOT_VALIDATED),
        ("m", "kappa", "y", "", NOT_VALIDATED),
        ("n", "kappa", "y", "", NOT_VALIDATED),
        ("cubic", "kappa", "y", "", ""),
    ]
    frame = pd.DataFrame(rows, columns=["method", "metric", "axis", "phase", "verdict"])
    said = verdict_sentences(frame, {"porosity": "Porosity", "kappa": "Tortuosity factor"})
    assert said == {
        "m": "Validated for porosity (pore). Not validated for tortuosity factor (z, y).",
        "n": "Not validated for tortuosity factor (y).",
    }
