"""Write the tables of docs/microstructure.md from folders that the command wrote.

    python docs/make_microstructure_table.py NAME=FOLDER ...

takes the microstructure.csv of each folder and replaces what stands in the page between
``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

PAGE = Path(__file__).with_name("microstructure.md")
ORDER = ("z", "y", "x")


def table(folder: Path) -> str:
    """One row per number and phase; a column per axis where there are axes."""
    from napari_battery.microstructure.metrics import METRICS

    data = pd.read_csv(folder / "microstructure.csv")
    data[["axis", "phase", "unit"]] = data[["axis", "phase", "unit"]].fillna("")
    titles = {name: q for metric in METRICS.values() for name, q in metric.gives.items()}
    lines = ["| number | of | z | y | x |", "|---|---|---|---|---|"]
    for (metric, phase), rows in data.groupby(["metric", "phase"], sort=False):
        title = titles[metric].title + (f" ({titles[metric].unit})" if titles[metric].unit else "")
        cells = {axis: words(rows[rows["axis"] == axis]) for axis in ("", *ORDER)}
        if cells[""]:
            lines.append(f"| {title} | {phase} | {cells['']} | | |")
        else:
            lines.append(f"| {title} | {phase} | {' | '.join(cells[a] for a in ORDER)} |")
    return "\n".join(lines)


def words(rows: pd.DataFrame) -> str:
    """Whole volume; (mean ± SD of sub-regions); [range over threshold ± δ]."""
    by = rows.set_index("region")
    if "whole" not in by.index:
        return ""
    text = number(by.loc["whole", "value"])
    if "sub-regions" in by.index and np.isfinite(by.loc["sub-regions", "value"]):
        mean, sd = by.loc["sub-regions", ["value", "sd"]]
        text += f" ({number(mean)} ± {number(sd, 2)})"
    if "threshold ± δ" in by.index:
        low, high = by.loc["threshold ± δ", ["ci_low", "ci_high"]]
        text += f" [{number(low)}, {number(high)}]"
    return text


def number(value: float, digits: int = 3) -> str:
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞"
    text = f"{value:.{digits}g}"
    return f"{float(text):g}" if "e" in text and abs(value) >= 1 else text


def main(arguments: list[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for argument in arguments:
        name, _, folder = argument.partition("=")
        inside = f"<!-- table: {name} -->\n{table(Path(folder))}\n<!-- end -->"
        pattern = rf"<!-- table: {re.escape(name)} -->\n.*?<!-- end -->"
        page = re.sub(pattern, lambda _, text=inside: text, page, flags=re.S)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
