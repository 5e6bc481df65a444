"""The study last run in a window: what was measured, its layers, and whether it still holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary, ref

import pandas as pd

from napari_battery.errors import InputError
from napari_battery.states.noise import Background
from napari_battery.states.run import study_of
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.tabulate import Study, apply_rules
from napari_battery.widgets.session import Analysis, Session
from napari_battery.widgets.states_map_layers import StateMapLayers
from napari_battery.widgets.states_run import Measured
from napari_battery.widgets.study_holder import StudyHolder

__all__ = ["LAST", "ReopenedStudy", "ShownStudy"]

_COLUMNS = (
    "volume_change", "shift_z_um", "shift_y_um", "shift_x_um", "delta_core_mean", "sem",
    "sem_delta", "z", "p_value", "q_value", "significant", "kept", "reason",
)  # fmt: skip
"""Columns of the study that the results table and the map of a state show."""


class _OfWindow:
    """A study that the window's docks share; it may outlive the dock, but holds no viewer."""

    study: Study

    def __init__(self, session: Session) -> None:
        self._session = ref(session)

    def set_rules(self, rules: StudyRules) -> None:
        """Count anew; nothing is measured.

        Raises
        ------
        InputError
            As `apply_rules`; the study then stays as it was.
        """
        self.study = apply_rules(self.study, rules)
        self._told()

    def _told(self) -> None:
        """Hand the study to the window's other docks."""
        session = self._session()
        if session is not None and session.viewer is not None:
            StudyHolder.of(session.viewer).study = self.study


class ShownStudy(_OfWindow):
    """A study that outlives the dock, but holds neither viewer nor voxels.

    Parameters
    ----------
    session : Session
        Of the window.
    measured : Measured
        What was measured; its labels are layers by now.
    analyses : sequence of Analysis
        Of each state, in order.
    settings, rules
        What the study is made with first.
    """

    def __init__(
        self,
        session: Session,
        measured: Measured,
        analyses: Sequence[Analysis],
        settings: StudySettings,
        rules: StudyRules,
    ) -> None:
        super().__init__(session)
        self.measured = replace(measured, labels={})
        self._analyses = [ref(one) for one in analyses]
        self._labels = [ref(one.labels) for one in analyses]
        histories = [session.history(one.labels) for one in analyses if one.labels is not None]
        self._histories: list[tuple[Any, object]] = [
            (ref(history), history.state) for history in histories
        ]
        self.repeats: tuple[tuple[str, str], ...] = ()
        images = [one.image for one in analyses]
        self.study = self._made(settings, rules)
        self.maps = StateMapLayers(
            session.viewer, self.study, images, [one.labels for one in analyses if one.labels]
        )
        self._told()

    @property
    def reference(self) -> Any:
        """The labels of the first state, or None once they are gone."""
        return self._labels[0]()

    @property
    def background(self) -> Background | None:
        """Where the noise was measured."""
        return self.measured.gathered.background

    @property
    def histories(self) -> list[Any]:
        """Edit histories of all labels, which tell of their changes."""
        return list({id(h()): h() for h, _ in self._histories if h() is not None}.values())

    @property
    def stale(self) -> str:
        """Why the study no longer fits its layers; empty while it does."""
        for history, state in self._histories:
            if history() is not None and history().state is not state:
                layer = history().layer
                name = "The labels" if layer is None else f"“{layer.name}”"
                return f"{name} were corrected since"
        return ""

    def set_settings(
        self, settings: StudySettings, repeats: Sequence[tuple[str, str]] | None = None
    ) -> None:
        """Tabulate anew; no voxel is looked at.

        Raises
        ------
        InputError
            As `study_of`; the study then stays as it was.
        """
        before = self.repeats
        self.repeats = before if repeats is None else tuple(repeats)
        try:
            self.study = self._made(settings, self.study.rules)
        except BaseException:
            self.repeats = before
            raise
        self._told()

    def _made(self, settings: StudySettings, rules: StudyRules) -> Study:
        measured = self.measured
        return study_of(measured.states, measured.gathered, settings, rules, repeats=self.repeats)

    def _told(self) -> None:
        """Hand the study to the window's other docks, its columns to the tables before."""
        session = self._session()
        if session is None or session.viewer is None:
            return
        self.maps.study = self.study
        for state, analysis in zip(self.study.states, self._analyses, strict=True):
            one = analysis()
            if one is not None and one in session.analyses:
                one.add_columns(_columns_of(self.study, state.name))
                if one.exclude_layers != self.study.settings.exclude_layers:
                    one.recompute_core(self.study.settings.exclude_layers)
                if one is session.current or one.labels is not session.picked_layer:
                    session.refresh_features(one)
                session.table_changed.emit(one)
        super()._told()


class ReopenedStudy(_OfWindow):
    """A study read from its folder: all its numbers, but no layer and no voxel behind them.

    Parameters
    ----------
    session : Session
        Of the window.
    study : Study
        As it was saved.
    """

    maps = None
    reference = None
    background = None
    stale = ""

    def __init__(self, session: Session, study: Study) -> None:
        super().__init__(session)
        self.histories: list[Any] = []
        self.study = study
        self._told()

    def set_settings(
        self, settings: StudySettings, repeats: Sequence[tuple[str, str]] | None = None
    ) -> None:
        """Refuse other settings: what they are applied to was not saved.

        Raises
        ------
        InputError
            If they are others than the study's.
        """
        if settings != self.study.settings or repeats:
            raise InputError(
                "This study was opened from its folder and keeps its settings; for others run it "
                "again on its images."
            )


def _columns_of(study: Study, state: str) -> pd.DataFrame:
    table = study.particles[(study.particles["state"] == state).to_numpy()]
    return table[["label", *(name for name in _COLUMNS if name in table)]]


LAST: WeakKeyDictionary[Session, ShownStudy | ReopenedStudy] = WeakKeyDictionary()
"""The study of each window."""
