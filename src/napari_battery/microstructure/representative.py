"""Is the volume representative? How the spread between sub-regions shrinks with their size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["COLUMNS", "Trend", "representative_table", "trend"]

COLUMNS = (
    "volume", "metric", "phase", "axis", "unit", "splits", "n_regions", "region_volume_um3",
    "mean", "sd", "relative_sd", "trend_relative_sd", "n_sizes", "exponent", "relative_sd_of_whole",
    "representative_volume_um3", "is_representative",
)  # fmt: skip
_KEYS = ["volume", "metric", "phase", "axis"]


class Trend(NamedTuple):
    """A power law of the spread, sd/mean = c · V^(−exponent)."""

    exponent: float
    """½ where parts are independent; less where structures are as large as the parts."""
    factor: float

    def at(self, volume: float) -> float:
        """Relative spread between volumes of that size."""
        return float(self.factor * volume**-self.exponent)

    def volume_for(self, relative_sd: float) -> float:
        """The size whose relative spread is this; infinite where spread does not shrink."""
        if self.exponent <= 0 or self.factor <= 0:
            return 0.0 if self.factor == 0 else np.inf
        with np.errstate(over="ignore"):
            return float(np.float64(self.factor / relative_sd) ** (1 / self.exponent))


def trend(volumes: np.ndarray, relative_sd: np.ndarray) -> Trend | None:
    """Fit the power law to spreads by size of sub-region.

    From three sizes on the exponent is fitted, by least squares of the logarithms; of fewer it
    is taken to be ½, that of independent parts. None where no spread is known.

    References
    ----------
    T. Kanit et al., Determination of the size of the representative volume element for random
    composites, Int. J. Solids Struct. 40 (2003) 3647, where sd² = c/V^α.
    """
    good = np.isfinite(relative_sd) & (relative_sd > 0)
    if not good.any():
        return Trend(0.5, 0.0) if np.any(relative_sd == 0) else None
    x, y = np.log(volumes[good]), np.log(relative_sd[good])
    if good.sum() < 3:
        return Trend(0.5, float(np.exp(np.mean(y + 0.5 * x))))
    slope, at_one = np.polyfit(x, y, 1)
    return Trend(float(-slope), float(np.exp(at_one)))


def representative_table(
    regions: pd.DataFrame, wholes: dict[str, float], wanted: float
) -> pd.DataFrame:
    """Spread by size of sub-region, its trend, and what that says of the whole volume.

    Parameters
    ----------
    regions : DataFrame
        One row per sub-region and number: ``volume, metric, phase, axis, unit, splits,
        region_volume_um3, value``.
    wholes : dict
        µm³ of each whole volume.
    wanted : float
        A volume is called representative of a metric when volumes of its size are expected to
        differ by no more than this share of the mean.

    Returns
    -------
    DataFrame
        `COLUMNS`. ``n_sizes`` counts the sizes that the trend rests on (below three its exponent
        is taken, not fitted); ``is_representative`` is missing where there is no trend.
    """
    rows = []
    for key, one in regions.groupby(_KEYS, sort=False):
        sizes = [_size(part) for _, part in one.groupby("splits")]
        fit = trend(
            np.array([size["region_volume_um3"] for size in sizes]),
            np.array([size["relative_sd"] for size in sizes]),
        )
        of_whole = np.nan if fit is None else fit.at(wholes[str(key[0])])
        known = sum(bool(np.isfinite(size["relative_sd"])) for size in sizes)
        said = {
            "n_sizes": known,
            "exponent": np.nan if fit is None else fit.exponent,
            "relative_sd_of_whole": of_whole,
            "representative_volume_um3": np.nan if fit is None else fit.volume_for(wanted),
            "is_representative": None if fit is None else bool(of_whole <= wanted),
        }
        for size in sizes:
            along = np.nan if fit is None else fit.at(size["region_volume_um3"])
            rows.append(
                {**dict(zip(_KEYS, key, strict=True)), "unit": one["unit"].iloc[0]}
                | size
                | {"trend_relative_sd": along}
                | said
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _size(part: pd.DataFrame) -> dict[str, float]:
    """Mean and spread over the sub-regions of one size."""
    values = part["value"].to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    mean = float(finite.mean()) if len(finite) else np.nan
    sd = float(finite.std(ddof=1)) if len(finite) > 1 else np.nan
    return {
        "splits": int(part["splits"].iloc[0]),
        "n_regions": len(finite),
        "region_volume_um3": float(part["region_volume_um3"].iloc[0]),
        "mean": mean,
        "sd": sd,
        "relative_sd": abs(sd / mean) if mean else np.nan,
    }
