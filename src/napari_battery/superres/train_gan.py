"""Adversarial training: a discriminator learns to tell the generator's images from real ones.

As the paper trains its GAN: at each step first the discriminator on real and generated
patches, then the generator, with the discriminator frozen, on the pixel loss and on what the
discriminator says. The paper gives neither the adversarial loss nor its weight; least squares
(Mao et al., "Least squares generative adversarial networks", ICCV 2017) suit its discriminator,
whose answer has no bound.
"""

from __future__ import annotations

from typing import Any

import torch

from napari_battery.superres.networks.paper import Discriminator

__all__ = ["Adversary"]


class Adversary:
    """The discriminator with its optimiser.

    Parameters
    ----------
    patch : int
        Side of the patches.
    weight : float
        Of the adversarial part in the generator's loss.
    learning_rate : float
        Of the discriminator; constant.
    device : str
    """

    def __init__(self, patch: int, weight: float, learning_rate: float, device: str) -> None:
        self.weight = weight
        self.network = Discriminator(patch).to(device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=learning_rate)

    def learn(self, generated: torch.Tensor, real: torch.Tensor) -> None:
        """One step of the discriminator: real patches towards 1, generated ones towards 0."""
        self.network.requires_grad_(True)
        self.optimiser.zero_grad(set_to_none=True)
        says_real = self.network(real).float()
        says_generated = self.network(generated.detach()).float()
        loss = 0.5 * ((says_real - 1).square().mean() + says_generated.square().mean())
        loss.backward()
        self.optimiser.step()

    def loss(self, generated: torch.Tensor) -> torch.Tensor:
        """What the generator's loss gains by the frozen discriminator's answer."""
        self.network.requires_grad_(False)
        answer = self.network(generated).float()
        result: torch.Tensor = self.weight * 0.5 * (answer - 1).square().mean()
        return result

    @property
    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
