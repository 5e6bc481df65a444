"""What changed inside all particles: kept by the window, and put beside its analyses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd

from napari_battery.files import write_json
from napari_battery.states.inside_all import InsideAll
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.tables import write_table
from napari_battery.widgets.label_layers import shows_labels_of
from napari_battery.widgets.session import Analysis, Session

__all__ = ["LAST", "LookedInside", "put_beside"]

_PUT = ("change_mean", "change_se", "change_std", "fell_share", "rose_share")
"""Columns that are put beside those of an analysis."""


@dataclass(eq=False)
class LookedInside:
    """The particles last looked into in a window; they outlive the dock."""

    found: InsideAll
    settings: InsideSettings
    layers: tuple[Any, ...]
    """Weak references to the labels and the states' images, the pristine one first."""
    made: dict[str, Any]
    assumed: bool
    labels_state: object
    """`EditHistory.state` of the labels that were looked into."""

    def stale(self, session: Session) -> bool:
        """Whether the labels were edited since, or are gone."""
        labels = self.layers[0]()
        return labels is None or session.history(labels).state is not self.labels_state

    def save(self, path: Path) -> None:
        """Write the table, and what made it beside it."""
        write_table(path, self.found.table)
        write_json(path.with_name(f"{path.name}.provenance.json"), self.made)


LAST: WeakKeyDictionary[Session, LookedInside] = WeakKeyDictionary()


def put_beside(
    session: Session, labels: Any, images: Sequence[tuple[str, Any]], table: pd.DataFrame
) -> list[str]:
    """Put the columns of a table of all particles beside the analyses that they belong to.

    An analysis of a later state's image gets that state's columns under their own names. One
    of the labels in another image (the pristine one, say) gets those of the states that have
    none, with the state behind the name.

    Parameters
    ----------
    session : Session
        Whose analyses.
    labels : Labels
        The pristine state's.
    images : sequence of (str, Image)
        The later states.
    table : DataFrame
        Columns `tables.INSIDE`.

    Returns
    -------
    list of str
        Names of the analyses that got columns.
    """
    left = dict(images)
    given: list[tuple[Analysis, pd.DataFrame]] = []
    rest: list[Analysis] = []
    for analysis in session.analyses:
        own = [name for name, image in images if image is analysis.image]
        if own:
            rows = table[table["state"] == own[0]]
            given.append((analysis, rows.set_index("label")[list(_PUT)]))
            left.pop(own[0], None)
        elif analysis.labels is not None and shows_labels_of(labels, analysis.labels):
            rest.append(analysis)
    for analysis in rest:
        parts = []
        for state in left:
            rows = table[table["state"] == state].set_index("label")[list(_PUT)]
            parts.append(rows.add_suffix(f", {state}"))
        if parts:
            given.append((analysis, pd.concat(parts, axis=1)))
    for analysis, columns in given:
        _give(session, analysis, columns)
    if given:
        session.analyses_changed.emit()  # docks list the columns anew
    return [analysis.name for analysis, _ in given]


def _give(session: Session, analysis: Analysis, columns: pd.DataFrame) -> None:
    """Add columns, or replace them; labels that are not in them get NaN."""
    particles = analysis.result.particles.drop(
        columns=[c for c in analysis.result.particles if c in columns or _is_ours(str(c))]
    )
    fitted = columns.reindex(particles["label"].to_numpy())
    fitted.index = particles.index
    note = [c for c in particles if c == "note"]
    before = particles.drop(columns=note)
    particles = pd.concat([before, fitted, particles[note]], axis=1)
    analysis.result = replace(analysis.result, particles=particles)
    analysis.recompute_core(analysis.exclude_layers)
    session.refresh_features(analysis)
    session.table_changed.emit(analysis)


def _is_ours(column: str) -> bool:
    return column.split(", ")[0] in _PUT
