"""Shares of particles that obey a condition between states, with a binomial interval."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.expressions import matching
from napari_battery.states.frames import Frames

__all__ = [
    "Condition",
    "binomial_interval",
    "fulfilled",
    "parse_conditions",
    "published_conditions",
]

_WORDS = {
    ("core_mean", "<"): "darker",
    ("core_mean", ">"): "brighter",
}


@dataclass(frozen=True)
class Condition:
    """A question to each particle: between two states, or in one."""

    text: str
    """As the figure says it."""
    state: str
    column: str = "core_mean"
    relation: str = "<"
    other: str = ""
    """The state compared with; empty where `expression` is asked of `state` alone."""
    expression: str = ""


def published_conditions(frames: Frames) -> list[Condition]:
    """The two conditions of the GREAT2 paper (figure 10).

    Darker at the end of charge than in the reference, and brighter at the end of the following
    discharge than at the end of charge. Without directions: the last state against the reference.
    """
    later = frames.states[1:]
    charged = [s for s in later if frames.directions.get(s) == "charge"]
    if not charged:
        return [_between("core_mean", later[-1], "<", frames.reference)] if later else []
    top = charged[-1]
    after = frames.states[frames.place(top) + 1 :]
    discharged = [s for s in after if frames.directions.get(s) == "discharge"]
    found = [_between("core_mean", top, "<", frames.reference)]
    if discharged:
        found.append(_between("core_mean", discharged[-1], ">", top))
    return found


def parse_conditions(text: str, states: Sequence[str]) -> list[Condition]:
    """Conditions as a person writes them, joined by ``;``.

    ``4.4 V < pristine`` compares core means, ``volume_um3: 2.5 V > 4.4 V`` another column,
    ``4.4 V: q_value < 0.05 and delta_core_mean < 0`` asks a condition in one state.

    Raises
    ------
    InputError
        If a part is none of these, or names a state that is not there.
    """
    return [_parse(part.strip(), states) for part in text.split(";") if part.strip()]


def _parse(text: str, states: Sequence[str]) -> Condition:
    names = "|".join(re.escape(state) for state in sorted(states, key=len, reverse=True))
    found = re.fullmatch(rf"(?:(\w+)\s*:)?\s*({names})\s*([<>])\s*({names})", text)
    if found and found[2] != found[4]:
        return _between(found[1] or "core_mean", found[2], found[3], found[4])
    found = re.fullmatch(rf"({names})\s*:\s*(.+)", text, flags=re.DOTALL)
    if found:
        return Condition(text, found[1], expression=found[2])
    first, last = states[0], states[-1]
    raise InputError(
        f"“{text}” cannot be read. Compare two states, “{last} < {first}” or “mean: {last} > "
        f"{first}”, or ask one, “{last}: q_value < 0.05”. The states are {', '.join(states)}."
    )


def _between(column: str, state: str, relation: str, other: str) -> Condition:
    word = _WORDS.get((column, relation))
    compared = f"{column} {'smaller' if relation == '<' else 'larger'}"
    return Condition(
        f"{word or compared} at {state} than at {other}", state, column, relation, other
    )


def fulfilled(frames: Frames, condition: Condition) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which particles obey a condition, and which can be asked at all, (n,) each.

    A particle can be asked where it is kept and has its values. A tie obeys neither < nor >.

    Raises
    ------
    InputError
        If states are compared that are not matched, or the expression cannot be understood.
    """
    place = frames.place(condition.state)
    if condition.expression:
        table = frames.table(condition.state)
        yes = matching(condition.expression, table)
        obeys = np.isin(frames.labels, table["label"].to_numpy()[yes])
        return obeys, frames.kept[:, place]
    if not frames.is_matched:
        raise InputError(
            f"“{condition.text}” compares the same particle in two states; the particles of "
            "these states are not matched."
        )
    other = frames.place(condition.other)
    values = frames.values(condition.column)
    a, b = values[:, place], values[:, other]
    asked = frames.kept[:, place] & frames.kept[:, other] & np.isfinite(a) & np.isfinite(b)
    return (a < b if condition.relation == "<" else a > b) & asked, asked


def binomial_interval(
    successes: int, n: int, confidence: float, method: str = "Wilson"
) -> tuple[float, float]:
    """Interval of a share.

    Parameters
    ----------
    successes, n : int
        How many of how many.
    confidence : float
        Such as 0.95.
    method : {"Wilson", "Clopper-Pearson"}
        Wilson's score interval (1927) covers the truth that often on average; Clopper and
        Pearson's (1934) at least that often.

    Returns
    -------
    (float, float)
        NaN where n is 0.
    """
    from scipy.special import betaincinv, ndtri

    if not n:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    if method == "Wilson":
        z = -float(ndtri(tail))
        share = successes / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
        low, high = middle - half, middle + half
        return (0.0 if not successes else float(low)), (1.0 if successes == n else float(high))
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return low, high
