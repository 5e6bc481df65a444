"""Ordinary least squares of one column on others, with what says whether to believe it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["Regression", "regress"]

_FEW_SAMPLES = 10
_FEW_PER_PREDICTOR = 10
_LARGE_VIF = 10.0
_SAME = 1e-10
"""Relative size of a singular value from which predictors say the same."""


@dataclass(frozen=True, eq=False)
class Regression:
    """A fitted linear model.

    Parameters
    ----------
    target : str
        Column that is explained.
    predictors : list of str
        Columns that explain it.
    coefficients : DataFrame
        ``term, coefficient, standard_error, ci_low, ci_high, t, p_value, vif``; the first term
        is ``intercept``. Without residual degrees of freedom intervals are missing.
    rows : DataFrame
        Per sample used: ``sample``, the predictors, ``observed, fitted, residual, leverage,
        loo_prediction, loo_error``. A leave-one-out prediction is that of the model fitted
        without the sample (missing where the rest does not determine a model).
    correlations : DataFrame
        Of predictors and target, ``column`` and one column each.
    n : int
        Samples used.
    residual_dof : int
        n − coefficients.
    r2, adjusted_r2 : float
        Share of the target's variance about its mean.
    mse, mse_dof : float
        Residual sum of squares / n, and / residual degrees of freedom.
    q2 : float
        1 − Σ loo_error² / Σ (observed − mean)²: the R² of predictions of samples not seen.
    confidence : float
        Of the intervals.
    warnings : list of str
        Why the data cannot carry the model; empty if nothing speaks against it.
    notes : list of str
        Samples left out.
    """

    target: str
    predictors: list[str]
    coefficients: pd.DataFrame
    rows: pd.DataFrame
    correlations: pd.DataFrame
    n: int
    residual_dof: int
    r2: float
    adjusted_r2: float
    mse: float
    mse_dof: float
    q2: float
    confidence: float
    warnings: list[str]
    notes: list[str]

    @property
    def equation(self) -> str:
        """The model in one line, as "expansion = −0.364 + 0.680·porosity"."""
        text = f"{self.target} ="
        for term, value in zip(
            self.coefficients["term"], self.coefficients["coefficient"], strict=True
        ):
            sign = "−" if value < 0 else "+"
            if term == "intercept":
                text += f" {'−' if value < 0 else ''}{abs(value):.5g}"
            else:
                text += f" {sign} {abs(value):.5g}·{term}"
        return text


def regress(
    table: pd.DataFrame,
    target: str,
    predictors: Sequence[str],
    *,
    confidence: float = 0.95,
    name: str = "the table",
) -> Regression:
    """Fit ``target = a + Σ b·predictor`` by ordinary least squares.

    Parameters
    ----------
    table : DataFrame
        One row per sample. Rows in which one of the columns is empty are left out, and said.
    target : str
        Column to explain.
    predictors : sequence of str
        Columns that explain it.
    confidence : float
        Of the intervals, between 0 and 1.
    name : str
        What messages call the table.

    Returns
    -------
    Regression

    Raises
    ------
    InputError
        If a column is missing, holds no numbers or one value only, if predictors say exactly
        the same, or if there are fewer samples than coefficients.
    """
    chosen = _chosen(table, target, predictors, name)
    if not 0 < confidence < 1:
        raise InputError(f"The confidence is {confidence:g}; it lies between 0 and 1.")
    numbers = pd.DataFrame({column: _numbers(table, column, name) for column in (target, *chosen)})
    whole = np.isfinite(numbers.to_numpy()).all(axis=1)
    used = numbers[whole]
    notes = []
    if not whole.all():
        notes.append(f"{int((~whole).sum())} of {len(whole)} samples have an empty cell: left out.")
    _check(used, target, chosen, name)
    fit, influence = _fit(used, target, chosen)
    coefficients = _coefficients(fit, used[chosen], confidence)
    rows = _rows(table.loc[whole], used, target, chosen, fit, influence)
    observed = used[target].to_numpy()
    squares = float(((observed - observed.mean()) ** 2).sum())
    errors = rows["loo_error"].to_numpy(np.float64)
    dof = int(fit.df_resid)
    residual = float(fit.ssr)
    result = Regression(
        target=target,
        predictors=chosen,
        coefficients=coefficients,
        rows=rows,
        correlations=used[[*chosen, target]].corr().rename_axis("column").reset_index(),
        n=len(used),
        residual_dof=dof,
        r2=1 - residual / squares,
        adjusted_r2=1 - residual / dof / (squares / (len(used) - 1)) if dof else np.nan,
        mse=residual / len(used),
        mse_dof=residual / dof if dof else np.nan,
        q2=1 - float((errors**2).sum()) / squares,
        confidence=confidence,
        warnings=[],
        notes=notes,
    )
    result.warnings.extend(_warnings(result))
    return result


def _chosen(table: pd.DataFrame, target: str, predictors: Sequence[str], name: str) -> list[str]:
    chosen = [column.strip() for column in predictors if column.strip()]
    if not chosen:
        raise InputError("Name at least one column to explain the target with.")
    for column in (target, *chosen):
        if column not in table:
            known = ", ".join(map(str, table.columns))
            raise InputError(f"There is no column “{column}” in {name}; it has {known}.")
    every = [target, *chosen]
    twice = next((column for column in every if every.count(column) > 1), None)
    if twice is not None:
        raise InputError(f"The column “{twice}” is named twice; target and predictors differ.")
    return chosen


def _numbers(table: pd.DataFrame, column: str, name: str) -> NDArray[np.float64]:
    given = table[column]
    numbers: Any = pd.to_numeric(given, errors="coerce")
    wrong = numbers.isna() & given.notna()
    if wrong.any():
        text = given[wrong].iloc[0]
        raise InputError(
            f"The column “{column}” of {name} holds “{text}”, which is no number (fractions are "
            "written 0.26, not 26 %)."
        )
    return np.asarray(numbers, np.float64)


def _check(used: pd.DataFrame, target: str, predictors: list[str], name: str) -> None:
    n, coefficients = len(used), len(predictors) + 1
    if n < coefficients:
        raise InputError(
            f"{name} has {n} whole samples for {coefficients} coefficients: at least as many are "
            "needed, and about ten per predictor to trust them."
        )
    flat = [column for column in (target, *predictors) if used[column].nunique() == 1]
    if flat:
        raise InputError(
            f"The column “{flat[0]}” has the same value in all {n} samples: there is nothing to "
            "explain, or to explain with."
        )
    x = used[predictors].to_numpy()
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    sizes = np.linalg.svd(standard, compute_uv=False)
    if len(sizes) < len(predictors) or sizes[-1] < _SAME * sizes[0]:
        raise InputError(
            f"{', '.join(predictors)} say exactly the same in these {n} samples (one follows "
            "from the others): leave one out."
        )


def _fit(used: pd.DataFrame, target: str, predictors: list[str]) -> tuple[Any, Any]:
    import statsmodels.api as sm

    design = sm.add_constant(used[predictors].to_numpy(), has_constant="add")
    fit = sm.OLS(used[target].to_numpy(), design).fit()
    return fit, fit.get_influence()


def _coefficients(fit: Any, x: pd.DataFrame, confidence: float) -> pd.DataFrame:
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    missing = np.full(len(fit.params), np.nan)
    errors, t, p = missing, missing, missing
    interval = np.column_stack([missing, missing])
    if fit.df_resid > 0:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # a perfect fit divides by its own residual
            errors, t, p = fit.bse, fit.tvalues, fit.pvalues
            interval = fit.conf_int(alpha=1 - confidence)
    design = np.column_stack([np.ones(len(x)), x.to_numpy()])
    with np.errstate(divide="ignore"):
        vif = [variance_inflation_factor(design, i + 1) for i in range(x.shape[1])]
    return pd.DataFrame(
        {
            "term": ["intercept", *x.columns],
            "coefficient": fit.params,
            "standard_error": errors,
            "ci_low": interval[:, 0],
            "ci_high": interval[:, 1],
            "t": t,
            "p_value": p,
            "vif": [np.nan, *vif],
        }
    )


def _rows(
    table: pd.DataFrame,
    used: pd.DataFrame,
    target: str,
    predictors: list[str],
    fit: Any,
    influence: Any,
) -> pd.DataFrame:
    leverage = np.asarray(influence.hat_matrix_diag, np.float64)
    residual = np.asarray(fit.resid, np.float64)
    # a sample of leverage 1 determines a coefficient alone: without it there is no model
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(leverage < 1 - _SAME, residual / (1 - leverage), np.nan)
    observed = used[target].to_numpy()
    return pd.DataFrame(
        {
            "sample": _names(table),
            **{column: used[column].to_numpy() for column in predictors},
            "observed": observed,
            "fitted": np.asarray(fit.fittedvalues),
            "residual": residual,
            "leverage": leverage,
            "loo_prediction": observed - error,
            "loo_error": error,
        }
    )


def _names(table: pd.DataFrame) -> list[str]:
    """Names of the samples: the first column of texts, or the number of the row."""
    for column in table.columns:
        if table[column].dtype.kind not in "iufb" and table[column].notna().all():
            return [str(value) for value in table[column]]
    return [str(i + 1) for i in range(len(table))]


def _warnings(model: Regression) -> list[str]:
    n, terms, said = model.n, len(model.predictors) + 1, []
    if n < max(_FEW_SAMPLES, _FEW_PER_PREDICTOR * len(model.predictors)):
        said.append(
            f"{n} samples for {terms} coefficients leave {_count(model.residual_dof)}; about "
            f"{_FEW_PER_PREDICTOR} samples per predictor are usual. R² says little here: with "
            "few degrees of freedom it is near 1 whatever the data."
        )
    vif = model.coefficients.set_index("term")["vif"].drop("intercept")
    if len(vif) > 1 and vif.max() > _LARGE_VIF:
        worst = ", ".join(f"{term} {value:.4g}" for term, value in vif.items())
        said.append(
            f"The predictors move together (variance inflation factors: {worst}; above "
            f"{_LARGE_VIF:g} they cannot be told apart): single coefficients, even their signs, "
            "are not determined."
        )
    high = model.rows[model.rows["leverage"] > min(2 * terms / n, 0.9)]
    if len(high) and terms < n:
        named = ", ".join(f"{r['sample']} {r['leverage']:.4f}" for r in high.to_dict("records")[:5])
        said.append(
            f"The fit hangs on single samples (leverage, 1 at most: {named}): the line is drawn "
            "through them."
        )
    said += _doubts(model)
    return said


def _doubts(model: Regression) -> list[str]:
    said = []
    lost = int(model.rows["loo_error"].isna().sum())
    if lost:
        said.append(
            f"{lost} of {model.n} samples cannot be predicted from the others; Q² is not defined."
        )
    elif model.r2 - model.q2 > 0.2:
        said.append(
            f"Samples not seen are predicted much worse (Q² {model.q2:.3f}) than those fitted "
            f"(R² {model.r2:.4f})."
        )
    if model.residual_dof > 0:
        table = model.coefficients.set_index("term").drop("intercept")
        both = table[(table["ci_low"] < 0) & (table["ci_high"] > 0)].index
        if len(both):
            said.append(
                f"The {model.confidence:.0%} intervals of {', '.join(both)} hold 0: the sign is "
                "not determined."
            )
    return said


def _count(dof: int) -> str:
    return f"{dof} residual degree{'' if dof == 1 else 's'} of freedom"
