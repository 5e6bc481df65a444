"""The networks of the super-resolution paper, to the letter: residual SRCNN, GAN generator, critic.

"Machine learning procedures" gives the layers; the numbers of parameters follow (278,849,
75,649 and 598,785 for 128 × 128 images; together the "approximately one million"). Not said
there, and our reading: a residual block's second convolution has its ReLU before the sum, the
discriminator's second convolution keeps the size ("same"), and weights start as in Keras
(Glorot's uniform, zero biases), whose words the paper uses.
"""

from __future__ import annotations

import torch
from torch import nn

from napari_battery.errors import InputError
from napari_battery.superres.networks.interface import Network, checked
from napari_battery.superres.networks.layers import Convolution, Residual

__all__ = ["Discriminator", "PaperCNN", "PaperGAN"]


class PaperCNN(Network):
    """SRCNN with three residual blocks: 9×9×64, 3 × (two 3×3×64, sum), 5×5×32, 5×5×1."""

    name = "paper-cnn"

    def __init__(self) -> None:
        body = nn.Sequential(
            Convolution(1, 64, 9),
            nn.ReLU(),
            *(
                Residual(Convolution(64, 64), nn.ReLU(), Convolution(64, 64), nn.ReLU())
                for _ in range(3)
            ),
            Convolution(64, 32, 5),
            nn.ReLU(),
            Convolution(32, 1, 5),
        )
        _start_as_keras(body)
        super().__init__(body, slices=1, skip=False, options=checked())


class PaperGAN(Network):
    """The GAN's generator: 3×3 convolutions of 64, 128 and 1 filters."""

    name = "paper-gan"

    def __init__(self) -> None:
        body = nn.Sequential(
            Convolution(1, 64), nn.ReLU(), Convolution(64, 128), nn.ReLU(), Convolution(128, 1)
        )
        _start_as_keras(body)
        super().__init__(body, slices=1, skip=False, options=checked())


class Discriminator(nn.Module):
    """The GAN's discriminator: a number that says how real an image looks, without a bound.

    Parameters
    ----------
    patch : int
        Side of the square images in pixels, even: the last layer is dense, so that the
        network holds for this size alone (128 in the paper).
    """

    def __init__(self, patch: int = 128) -> None:
        super().__init__()
        if patch < 2 or patch % 2:
            raise InputError(f"The discriminator's patches have an even side, not {patch} pixels.")
        self.patch = patch
        self.body = nn.Sequential(
            Convolution(1, 64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            Convolution(64, 128),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(128 * (patch // 2) ** 2, 1),
        )
        _start_as_keras(self.body)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, 1, patch, patch) to (N, 1)."""
        y: torch.Tensor = self.body(x)
        return y


def _start_as_keras(body: nn.Module) -> None:
    for module in body.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
