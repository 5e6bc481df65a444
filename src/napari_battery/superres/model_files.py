"""Models on disk: weights as safetensors, and a card beside them that tells all the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_battery.errors import InputError
from napari_battery.files import atomic_path, fingerprint, write_text
from napari_battery.superres.card import Card

if TYPE_CHECKING:
    from napari_battery.superres.networks.interface import Network

__all__ = [
    "ENDING",
    "ListedModel",
    "Model",
    "find_model",
    "list_models",
    "own_models_folder",
    "read_card",
    "read_foreign",
    "read_model",
    "shipped_folder",
    "write_card",
    "write_model",
]

ENDING = ".safetensors"
_FOREIGN = (".pth", ".pt", ".ckpt")


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its weights, on the CPU, and its card."""

    network: Network
    card: Card


@dataclass(frozen=True)
class ListedModel:
    """A model that could be read: its card, and where its weights are."""

    card: Card
    path: Path
    shipped: bool = False


def shipped_folder() -> Path:
    """The folder of the models that come with the package."""
    return Path(str(files("napari_battery.superres.shipped")))


def own_models_folder() -> Path:
    """The person's own models; need not exist. ``NAPARI_BATTERY_MODELS`` names another."""
    named = os.environ.get("NAPARI_BATTERY_MODELS")
    if named:
        return Path(named)
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "napari-battery" / "models"


def list_models(
    folders: Sequence[str | os.PathLike[str]] | None = None, problems: list[str] | None = None
) -> list[ListedModel]:
    """The shipped models, then the person's own, then those of `folders`; by name in each.

    Only cards are read, no weights.

    Parameters
    ----------
    folders : sequence of paths, optional
        Further folders to look into.
    problems : list of str, optional
        Gets a sentence for each file that looks like a model and cannot be listed.
    """
    found: list[ListedModel] = []
    seen: set[Path] = set()
    for folder in (shipped_folder(), own_models_folder(), *map(Path, folders or ())):
        for path in sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else ():
            if path.resolve() in seen or path.name.startswith("."):
                continue
            seen.add(path.resolve())
            try:
                found.append(ListedModel(read_card(path), path, folder == shipped_folder()))
            except InputError as error:
                if problems is not None:
                    problems.append(str(error))
    return found


def write_model(path: str | os.PathLike[str], model: Model) -> Model:
    """Write NAME.safetensors and NAME.json; both, or neither.

    Returns
    -------
    Model
        The same with its card as written: name, what the network says of itself, and hash.

    Raises
    ------
    InputError
        If the name ends in anything but ``.safetensors``, or the folder cannot be written to.
    """
    from safetensors.torch import save

    path = Path(path)
    _check_ending(path)
    network = model.network
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    with atomic_path(path) as temporary:
        # not by save_file: what that writes can be read by its owner alone
        temporary.write_bytes(save(weights, {"format": "pt", "network": network.name}))
        card = model.card.model_copy(
            update={
                **_facts(network),
                "name": path.name.removesuffix(ENDING),
                "weights_sha256": fingerprint(temporary),
            }
        )
        with atomic_path(_card_path(path)) as temporary_card:
            text = card.model_dump_json(indent=2) + "\n"
            write_text(temporary_card, text)
    return Model(network, card)


def write_card(path: str | os.PathLike[str], card: Card) -> None:
    """Write the card of the model file `path`, whose weights stay as they are.

    Raises
    ------
    InputError
        If there is no such model, or the folder cannot be written to.
    """
    known = read_card(path)
    if known.weights_sha256 != card.weights_sha256:
        raise InputError(f"The card of {path} is of other weights than “{card.name}” has.")
    with atomic_path(_card_path(Path(path))) as temporary:
        write_text(temporary, card.model_dump_json(indent=2) + "\n")


def read_card(path: str | os.PathLike[str]) -> Card:
    """Read the card of the model file `path`.

    Raises
    ------
    InputError
        If it is missing, or is no card.
    """
    path = Path(path)
    card = _card_path(path)
    if not card.is_file():
        raise InputError(
            f"The model {path} has no card: {card.name} should lie beside it. "
            "Copy both files, or train the model again."
        )
    try:
        return Card.model_validate_json(card.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise InputError(
            f"{card} is not a card of a napari-battery model ({where}: {first['msg']})."
        ) from None


def read_model(path_or_name: str | os.PathLike[str], *, check_hash: bool = True) -> Model:
    """Read a model: a ``.safetensors`` file, or the name of a shipped or own one.

    Raises
    ------
    InputError
        If there is no such model, or its file is broken, was changed after its card was
        written, or does not fit the network that the card names.
    """
    path = find_model(path_or_name)
    card = read_card(path)
    if check_hash and card.weights_sha256 and fingerprint(path) != card.weights_sha256:
        raise InputError(
            f"The weights in {path} are not those that its card {_card_path(path).name} was "
            "written for (their SHA-256 differ): the file is incomplete or was replaced. "
            "Copy both files again."
        )
    network = _build(card, path)
    _load(network, _read_weights(path), path)
    for name, value in _facts(network).items():
        said = getattr(card, name)
        if said != value:
            raise InputError(
                f"The card of {path} says {name} {said}, but the network {card.network!r} has "
                f"{value}: it was made with another version of this program. Train it again."
            )
    return Model(network, card)


def read_foreign(
    path: str | os.PathLike[str],
    network: str,
    options: dict[str, Any] | None = None,
    card: Card | None = None,
) -> Model:
    """Read weights of another program from a ``.pth`` file; only tensors, never code.

    Parameters
    ----------
    network : str
        Which network the weights are for; its layers must carry the same names.
    options : dict, optional
        What `make_network` builds it with.
    card : Card, optional
        What is known about the model; a nearly empty one by default.

    Raises
    ------
    InputError
        If the file holds anything but weights, or they do not fit the network.
    """
    from pickle import UnpicklingError

    import torch

    path = Path(path)
    made = _make(network, options or {}, path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} holds more than plain weights, or is broken, and was not opened: "
            f"{_first_line(error)}"
        ) from None
    for key in ("params_ema", "params", "state_dict"):
        if isinstance(weights, dict) and isinstance(weights.get(key), dict):
            weights = weights[key]
    if not isinstance(weights, dict) or not all(torch.is_tensor(t) for t in weights.values()):
        raise InputError(f"{path} holds no weights: a mapping of names to tensors is needed.")
    _load(made, weights, path)
    about = card or Card(
        name=path.stem,
        title=f"{path.name}, a foreign file",
        network=network,
        limits="Nothing is known about the training of these weights.",
        **{k: v for k, v in _facts(made).items() if k != "network"},
    )
    return Model(made, about.model_copy(update=_facts(made)))


def find_model(path_or_name: str | os.PathLike[str]) -> Path:
    """The file of a model: its path, or the name of a shipped or own one.

    Raises
    ------
    InputError
        If there is no such model.
    """
    path = Path(path_or_name)
    if path.suffix.lower() in _FOREIGN and path.exists():
        raise InputError(
            f"{path} is a foreign file of weights: name the network that it is for to open it."
        )
    if path.suffix == ".json" and path.with_suffix(ENDING).is_file():
        return path.with_suffix(ENDING)
    if path.is_file():
        _check_ending(path)
        return path
    listed = list_models()
    for model in listed:
        if model.card.name == str(path_or_name) or model.path.stem == str(path_or_name):
            return model.path
    known = ", ".join(sorted({model.card.name for model in listed})) or "none"
    raise InputError(
        f"There is no model “{path_or_name}”: neither a file nor one of those known ({known})."
    )


def _check_ending(path: Path) -> None:
    if path.suffix != ENDING:
        raise InputError(f"A model file ends in {ENDING}; {path.name} does not.")


def _card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _facts(network: Network) -> dict[str, Any]:
    """What a network says of itself, as cards call it."""
    from napari_battery.superres.networks import parameters

    return {
        "network": network.name,
        "options": dict(network.options),
        "slices": network.slices,
        "halo_px": network.halo,
        "multiple": network.multiple,
        "parameters": parameters(network),
    }


def _build(card: Card, path: Path) -> Network:
    return _make(card.network, card.options, path)


def _make(name: str, options: dict[str, Any], path: Path) -> Network:
    from napari_battery.superres.networks import NETWORKS, make_network

    if name not in NETWORKS:
        raise InputError(
            f"The model {path} is for a network “{name}”, which this version does not have; "
            f"it has {', '.join(NETWORKS)}."
        )
    try:
        return make_network(name, **options)
    except ValueError as error:
        raise InputError(
            f"The network “{name}” of the model {path} cannot be built with the options "
            f"{options}: {_first_line(error)}"
        ) from None


def _read_weights(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights: dict[str, Any] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} is broken or no safetensors file: {_first_line(error)}") from None
    return weights


def _load(network: Network, weights: dict[str, Any], path: Path) -> None:
    """Put weights into a network, on finding each where it belongs."""
    wrong = next(_misfits(network.state_dict(), weights), None)
    if wrong is not None:
        raise InputError(f"The weights in {path} do not fit the network “{network.name}”: {wrong}")
    network.load_state_dict(weights, strict=True)
    network.eval()


def _misfits(wanted: dict[str, Any], given: dict[str, Any]) -> Iterator[str]:
    import torch

    for name, tensor in wanted.items():
        if name not in given:
            yield f"{name} is missing."
        elif given[name].shape != tensor.shape:
            yield (f"{name} has shape {tuple(given[name].shape)}, {tuple(tensor.shape)} is needed.")
        elif given[name].is_floating_point() and not torch.isfinite(given[name]).all():
            yield f"{name} holds values that are not finite."
    for name in given:
        if name not in wanted:
            yield f"{name} is none of its layers."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
