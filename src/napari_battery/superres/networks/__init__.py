"""The networks by name. Importing this package imports torch."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from napari_battery.errors import InputError
from napari_battery.superres.networks.edsr import EDSR, Battery
from napari_battery.superres.networks.esrgan import ESRGAN
from napari_battery.superres.networks.interface import Network, parameters
from napari_battery.superres.networks.paper import Discriminator, PaperCNN, PaperGAN
from napari_battery.superres.networks.rcan import RCAN

__all__ = ["NETWORKS", "Discriminator", "Network", "make_network", "parameters"]

NETWORKS: dict[str, Callable[..., Network]] = {
    network.name: network for network in (Battery, PaperCNN, PaperGAN, EDSR, RCAN, ESRGAN)
}
"""Every network that can be trained and applied, by name; the first is the default."""


def make_network(name: str, **options: Any) -> Network:
    """A network with fresh weights (from torch's random generator).

    Parameters
    ----------
    name : str
        Key of `NETWORKS`.
    **options
        Whole numbers that the network knows, such as ``slices`` or ``blocks``.

    Raises
    ------
    InputError
        If there is no such network, or it has no such option, or not with such a value.
    """
    if name not in NETWORKS:
        raise InputError(f"There is no network “{name}”; there are {', '.join(NETWORKS)}.")
    make = NETWORKS[name]
    known = list(signature(make).parameters)
    for key in options:
        if key not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise InputError(f"The network “{name}” has no option “{key}”; {has}.")
    return make(**options)
