"""Tick the metrics that are to be measured."""

from __future__ import annotations

from html import escape

from napari_battery.microstructure.metric import Metric
from napari_battery.microstructure.metrics import METRICS
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.tick_list import Tick, TickList

__all__ = ["MetricChecklist"]

_KEY = "compare/metrics"
_ROWS_SHOWN = 8
_LONGEST = 46
"""Letters of a title that a narrow dock has room for."""


class MetricChecklist(TickList):
    """Every metric with a box; those that take minutes are off at first. Remembered."""

    def __init__(self) -> None:
        super().__init__(_ROWS_SHOWN)
        stored = remembered().value(_KEY)
        wanted = None if stored is None else str(stored).split(",")
        self.fill(
            Tick(
                metric.name,
                _line(metric),
                _about(metric),
                not metric.heavy if wanted is None else metric.name in wanted,
            )
            for metric in METRICS.values()
        )
        self.changed.connect(lambda: remembered().setValue(_KEY, ",".join(self.ticked)))


def _line(metric: Metric) -> str:
    slow = " · slow" if metric.heavy else ""
    units = ", ".join(dict.fromkeys(q.unit for q in metric.gives.values() if q.unit))
    text = f"{metric.title} ({units})" if units else metric.title
    room = _LONGEST - len(slow)
    return (text if len(text) <= room else f"{text[: room - 1].rstrip()}…") + slow


def _about(metric: Metric) -> str:
    """What each number is, as a list."""
    lines = [
        f"<li><b>{escape(q.title)}</b>{f' [{escape(q.unit)}]' if q.unit else ''}: "
        f"{escape(q.definition)}</li>"
        for q in metric.gives.values()
    ]
    needs = {"labels": "labels of particles", "phases": "phases"}.get(
        metric.needs, f"a phase called “{metric.needs}”"
    )
    slow = " A volume of 10⁷ voxels takes minutes." if metric.heavy else ""
    return (
        f"<b>{escape(metric.title)}</b>. Needs {escape(needs)}.{slow}"
        f"<ul style='margin-left: -20px'>{''.join(lines)}</ul>"
    )
