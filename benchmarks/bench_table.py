"""Sorting, filtering and picking in the Results table, beside napari's own features table.

    QT_QPA_PLATFORM=offscreen python benchmarks/bench_table.py [--rows 10000 100000 1000000]

Tables of made-up numbers with all columns of a 3-D particle table. Each figure is the best
of three in wall seconds, Qt's view included: what a person waits after a click on a header,
after a condition is typed, or after a particle is picked in the canvas. napari's own table
(its model, its proxy and its view) is sorted up to 10,000 rows only: at 100,000 it takes two
minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_battery.tables import PARTICLES_3D
from napari_battery.widgets.table_view import TableView

CONDITION = "volume_um3 > 50 and not touches_border"
NAPARI_ROWS = 10_000


def particles(n: int) -> pd.DataFrame:
    """Table of `n` made-up particles."""
    rng = np.random.default_rng(0)
    columns: dict[str, object] = {name: rng.normal(100, 30, n) for name in PARTICLES_3D}
    columns["label"] = rng.permutation(n) + 1
    columns["volume_voxels"] = rng.integers(1, 50_000, n)
    columns["touches_border"] = rng.random(n) < 0.2
    columns["note"] = rng.choice(["", "no core", "one layer"], n)
    table = pd.DataFrame(columns)
    table.loc[::50, "core_mean"] = np.nan
    return table


def best_of_three(act: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        act()
        QApplication.processEvents()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def ours(table: pd.DataFrame) -> dict[str, float]:
    view = TableView("benchmark")
    view.resize(800, 600)
    view.show()
    names = list(table.columns)
    up, down = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
    picked = tuple(table["label"].iloc[:: max(1, len(table) // 100)])

    def sort(name: str) -> Callable[[], None]:
        turn = iter((up, down, up))
        return lambda: view.sortByColumn(names.index(name), next(turn))

    def filtered() -> None:
        view.table.set_condition("")
        view.table.set_condition(CONDITION)

    return {
        "show": best_of_three(lambda: view.show_table(table)),
        "sort numbers": best_of_three(sort("core_mean")),
        "sort labels": best_of_three(sort("label")),
        "sort text": best_of_three(sort("note")),
        "sort yes/no": best_of_three(sort("touches_border")),
        "filter": best_of_three(filtered),
        "pick 100 rows": best_of_three(lambda: view.pick_rows(view.table.rows(picked))),
    }


def naparis(table: pd.DataFrame) -> dict[str, float]:
    from napari_builtins._qt.features_table import PandasView

    view = PandasView()
    view.resize(800, 600)
    view.show()
    view.model().sourceModel().replace_data(table)
    turn = iter((Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder) * 2)
    column = list(table.columns).index("core_mean") + 1
    return {"sort numbers": best_of_three(lambda: view.sortByColumn(column, next(turn)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    rows = parser.parse_args().rows
    _app = QApplication.instance() or QApplication([])
    for n in rows:
        table = particles(n)
        for what, seconds in ours(table).items():
            print(f"{n:>9,} rows  {what:<14} {seconds * 1000:9.1f} ms")
        if n <= NAPARI_ROWS:
            for what, seconds in naparis(table).items():
                print(f"{n:>9,} rows  {what:<14} {seconds * 1000:9.1f} ms  (napari's own table)")


if __name__ == "__main__":
    main()
