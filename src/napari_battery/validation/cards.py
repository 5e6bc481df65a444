"""Write what was validated into the cards of models."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from napari_battery import __version__
from napari_battery.superres.card import Card, Validated, Verdict
from napari_battery.validation.validate import Validation

__all__ = ["validated_card"]


def validated_card(card: Card, sample: str, found: Validation) -> Card:
    """The card with the verdicts on its model; those on the same sample are replaced.

    Parameters
    ----------
    card : Card
    sample : str
        What the sample is called there.
    found : Validation
    """
    rows = found.table[found.table["method"] == card.name]
    verdicts = tuple(
        Verdict(
            metric=row["metric"],
            axis=row["axis"],
            phase=row["phase"],
            verdict=row["verdict"],
            relative_error=_finite(row["relative_error"]),
            why=row["why"],
        )
        for row in rows.to_dict("records")
    )
    settings = found.made["settings"]
    validated = Validated(
        regions=int(found.regions["region"].nunique()),
        region_size=settings["region_size"],
        tolerance=settings["tolerance"],
        confidence=settings["confidence"],
        truth=found.made["truth"],
        thresholds_grey=tuple(found.made["thresholds_grey"]),
        synthetic=any(told["synthetic"] for told in found.made["inputs"]),
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
        verdicts=verdicts,
    )
    return card.model_copy(update={"validation": {**card.validation, sample: validated}})


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
