"""Volumes gathered into groups (pristine, cycled, super-resolved …) and their spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from napari_battery.microstructure.subregions import spread
from napari_battery.tables import MICROSTRUCTURE

__all__ = ["group_table", "sample_table"]

_KEYS = ["metric", "phase", "axis"]
_WHOLE, _PARTS, _THRESHOLDS = "whole", "sub-regions", "threshold ± δ"


def group_table(table: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """The table of groups of volumes.

    Parameters
    ----------
    table : DataFrame
        ``tables.MICROSTRUCTURE`` of single volumes.
    groups : mapping of str to str
        Group of each volume; of one that is not in it, its own name.

    Returns
    -------
    DataFrame
        The same columns with the group as ``volume``. A group of one volume keeps its rows. Of
        several, ``whole`` is the mean over volumes, and ``sub-regions`` has that mean with its
        SD and interval *over volumes*, as its method says; the range over thresholds is the
        mean of the volumes' ranges. Infinite values are counted and left out of the mean.
    """
    named = table.assign(group=[groups.get(v, v) for v in table["volume"]])
    rows: list[dict[str, Any]] = []
    for group, of_group in named.groupby("group", sort=False):
        if of_group["volume"].nunique() == 1:
            own = of_group.drop(columns="group").assign(volume=group)
            rows += [{str(k): v for k, v in row.items()} for row in own.to_dict("records")]
            continue
        for _, one in of_group.groupby(_KEYS, sort=False):
            rows += _of_several(str(group), one)
    return pd.DataFrame(rows).reindex(columns=list(MICROSTRUCTURE))


def _of_several(group: str, rows: pd.DataFrame) -> list[dict[str, Any]]:
    wholes = rows[rows["region"] == _WHOLE]
    if wholes.empty:
        return []
    first = {str(k): v for k, v in wholes.iloc[0].items() if k != "group"}
    found = spread(wholes["value"])
    method = f"mean of {len(wholes)} volumes"
    if found.n_infinite:
        method += f"; {found.n_infinite} of them infinite, left out"
    mean = first | {"volume": group, "value": found.mean, "n_regions": len(wholes)}
    out = [mean | {"method": f"{first['method']}; {method}".lstrip("; ")}]
    over = {"sd": found.sd, "ci_low": found.ci_low, "ci_high": found.ci_high}
    out.append(out[0] | over | {"region": _PARTS, "n_regions": found.n})
    ranges = rows[rows["region"] == _THRESHOLDS]
    if len(ranges):
        ends = {end: float(np.mean(ranges[end])) for end in ("ci_low", "ci_high")}
        out.append(out[0] | ends | {"region": _THRESHOLDS, "n_regions": len(ranges)})
    return out


def sample_table(table: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """One row per volume, one column per number: what a regression takes.

    Parameters
    ----------
    table : DataFrame
        ``tables.MICROSTRUCTURE``.
    groups : mapping of str to str
        Group of each volume.

    Returns
    -------
    DataFrame
        ``sample, group``, then a column per metric, phase and axis with its unit
        ("tortuosity_factor_pore_z").
    """
    wholes = table[table["region"] == _WHOLE].copy()
    wholes["column"] = [
        "_".join(filter(None, (row["metric"], row["phase"].replace(" ", ""), row["axis"])))
        for row in wholes.to_dict("records")
    ]
    order = list(dict.fromkeys(wholes["column"]))
    wide = wholes.pivot(index="volume", columns="column", values="value")[order]
    wide = wide.loc[list(dict.fromkeys(wholes["volume"]))].reset_index(names="sample")
    wide.columns.name = None
    wide.insert(1, "group", [groups.get(name, name) for name in wide["sample"]])
    return wide
