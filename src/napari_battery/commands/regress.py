"""``napari-battery regress``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_battery.commands.common import check_target, new_step
from napari_battery.progress import Progress

if TYPE_CHECKING:
    from napari_battery.microstructure.regression import Regression

__all__ = ["add"]

_MARK = "coefficients.csv"
_FILES = (
    _MARK, "samples.csv", "correlations.csv", "provenance.json",
    "regression.png", "regression.csv", "regression.png.provenance.json",
)  # fmt: skip


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "explain a column of a table by others: ordinary least squares, and whether it holds"
    parser = new_step(steps, "regress", _run, text)
    parser.add_argument("table", metavar="TABLE", type=Path, help="CSV, one row per sample")
    parser.add_argument("--target", metavar="COLUMN", required=True, help="column to explain")
    parser.add_argument(
        "--on", metavar="COLUMNS", required=True, help="columns that explain it, with commas"
    )
    parser.add_argument(
        "--confidence",
        metavar="SHARE",
        type=float,
        default=0.95,
        help="of the intervals (default: 0.95)",
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="folder for tables, figure, provenance"
    )


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.files import check_replaceable
    from napari_battery.microstructure.regression import regress
    from napari_battery.tables import read_table

    if options.output is not None:
        check_target(options.output, options.table)
        check_replaceable(options.output, _FILES, _MARK)
    model = regress(
        read_table(options.table),
        options.target,
        options.on.split(","),
        confidence=options.confidence,
        name=options.table.name,
    )
    files = [] if options.output is None else _write(options, model)
    said = _said(model) if options.json else _in_words(model)
    if options.output is not None:
        said |= {"folder": str(options.output), "files": files}
    warnings = [f"Warning: {text}" for text in model.warnings]
    if options.json:
        return {**said, "warnings": model.warnings, "notes": model.notes}
    return {**said, "notes": warnings + model.notes}


def _said(model: Regression) -> dict[str, Any]:
    terms = model.coefficients.set_index("term")
    return {
        "equation": model.equation,
        "target": model.target,
        "predictors": model.predictors,
        "coefficients": {str(t): _plain(row) for t, row in terms.iterrows()},
        "confidence": model.confidence,
        "n": model.n,
        "residual_dof": model.residual_dof,
        "r2": _number(model.r2),
        "adjusted_r2": _number(model.adjusted_r2),
        "mse_over_n": _number(model.mse),
        "mse_over_residual_dof": _number(model.mse_dof),
        "q2": _number(model.q2),
        "correlations": {
            str(column): _plain(row)
            for column, row in model.correlations.set_index("column").iterrows()
        },
        "samples": [
            {str(k): v if isinstance(v, str) else _number(v) for k, v in row.items()}
            for row in model.rows.to_dict("records")
        ],
    }


def _plain(row: Any) -> dict[str, float | None]:
    return {str(key): _number(value) for key, value in row.items()}


def _number(value: float) -> float | None:
    """NaN has no place in JSON."""
    return float(value) if value == value and abs(value) != float("inf") else None


def _in_words(model: Regression) -> dict[str, str]:
    lines = {"model": model.equation}
    for row in model.coefficients.to_dict("records"):
        text = f"{row['coefficient']:.5g}"
        if row["ci_low"] == row["ci_low"]:
            text += f" ({model.confidence:.0%}: {row['ci_low']:.4g} … {row['ci_high']:.4g})"
        if row["vif"] == row["vif"]:
            text += f", variance inflation {row['vif']:.4g}"
        lines[str(row["term"])] = text
    lines["samples"] = f"{model.n}, {model.residual_dof} residual degrees of freedom"
    lines["R²"] = f"{model.r2:.6g}"
    lines["Q² (leave one out)"] = f"{model.q2:.4g}"
    lines["mean squared error"] = (
        f"{model.mse:.4g} (sum of squares / n), {model.mse_dof:.4g} (/ degrees of freedom)"
    )
    for row in model.rows.to_dict("records"):
        lines[f"left out, {row['sample']}"] = (
            f"{row['loo_prediction']:.4g}, observed {row['observed']:.4g}, leverage "
            f"{row['leverage']:.4f}"
        )
    return lines


def _write(options: argparse.Namespace, model: Regression) -> list[str]:
    """Tables and figure; all or nothing."""
    from napari_battery.files import atomic_path, fingerprint, write_json
    from napari_battery.plots.regression import regression_plot
    from napari_battery.plots.saving import save_plot
    from napari_battery.provenance import provenance
    from napari_battery.tables import write_table

    made = provenance("regress", None, [], [*model.warnings, *model.notes])
    made["table"] = {"path": str(options.table), "fingerprint": fingerprint(options.table)}
    made["settings"] = {
        "target": model.target, "on": model.predictors, "confidence": model.confidence,
    }  # fmt: skip
    made["result"] = _said(model)
    plot = regression_plot(model.rows, model.coefficients, model.target, model.predictors)
    with atomic_path(options.output) as folder:
        folder.mkdir()
        write_table(folder / _MARK, model.coefficients)
        write_table(folder / "samples.csv", model.rows)
        write_table(folder / "correlations.csv", model.correlations)
        save_plot(plot, folder / "regression.png", made)
        write_json(folder / "provenance.json", made)
        return sorted(path.name for path in folder.iterdir())
