"""The super-resolution models at hand: shipped, the person's own, and files opened here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_battery.superres.card import Card
from napari_battery.superres.model_files import (
    ENDING,
    list_models,
    read_card,
    read_foreign,
    read_model,
)

if TYPE_CHECKING:
    from napari_battery.superres.model_files import Model
    from napari_battery.widgets.session import Session

__all__ = ["Shelved", "known_models", "put_on_shelf", "read_shelved"]

_KEPT = 8


@dataclass(frozen=True)
class Shelved:
    """A model that can be chosen: its card, and where its weights are."""

    card: Card
    path: Path
    origin: Literal["shipped", "yours", "opened"]
    foreign: bool = False
    """Whether the file is of another program, whose network the person named."""

    def load(self) -> Model:
        """Read the weights (once, while the file stays the same); fit for any thread.

        Raises
        ------
        InputError
            As `read_model` and `read_foreign`.
        """
        changed = self.path.stat().st_mtime_ns if self.path.exists() else 0
        return _load(self, self.path, changed)

    def __hash__(self) -> int:
        return hash((self.path, self.card.weights_sha256))


@lru_cache(_KEPT)
def _load(shelved: Shelved, path: Path, changed: int) -> Model:
    if shelved.foreign:
        return read_foreign(path, shelved.card.network, shelved.card.options, shelved.card)
    return read_model(path)


def known_models(session: Session, problems: list[str] | None = None) -> list[Shelved]:
    """The models that can be chosen in a window; only cards are read.

    Parameters
    ----------
    session : Session
        Knows the files that were opened, or saved elsewhere, in this window.
    problems : list of str, optional
        Gets a sentence for each file that looks like a model and cannot be listed.
    """
    found = [
        Shelved(model.card, model.path, "shipped" if model.shipped else "yours")
        for model in list_models(problems=problems)
    ]
    there = {model.path.resolve() for model in found}
    opened = [m for m in session.opened_models if m.path.resolve() not in there]
    return found + [model for model in opened if model.path.exists()]


def read_shelved(
    path: str | os.PathLike[str], network: str = "", options: dict[str, Any] | None = None
) -> Shelved:
    """Read a model from any file; fit for any thread (it imports torch).

    Parameters
    ----------
    path : path
        ``.safetensors``, or weights of another program.
    network, options : str, dict
        What weights of another program are for.

    Raises
    ------
    InputError
        If it is no model, or not one of this network.
    """
    path = Path(path)
    if network and path.suffix != ENDING:
        return Shelved(read_foreign(path, network, options).card, path, "opened", foreign=True)
    shelved = Shelved(read_card(path), path, "opened")
    shelved.load()
    return shelved


def put_on_shelf(session: Session, shelved: Shelved) -> None:
    """List a model in all docks of a window, in place of one of the same file.

    A model that was written into the folder of own models is found without this; after that,
    emit `Session.models_changed`.
    """
    others = [m for m in session.opened_models if m.path.resolve() != shelved.path.resolve()]
    session.opened_models = [*others, shelved]
    session.models_changed.emit()
