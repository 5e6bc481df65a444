"""How far each optimiser brings the default network in the same number of steps.

    python benchmarks/bench_train.py [--steps 1000] [--slices 15] [--threads 2]

Trained on four synthetic electrodes of `napari_battery.synthetic.scan_pair` (2.3 and 0.74 µm,
compared with what the fine scan would be without noise), validated on a fifth: mean squared
error, one cycle of the learning rate, as the shipped default is trained. Both optimisers draw
the same patches and begin with the same weights. *Gained* is the PSNR gained over the
interpolated coarse scan as it is, on the validation patches; CPU seconds are those of the
whole training.
"""

from __future__ import annotations

import argparse
import time

import torch

from napari_battery.registration.pairs import cut_to_overlap
from napari_battery.superres.pairs import pair_image
from napari_battery.superres.train import TrainSettings, train
from napari_battery.superres.training_image import TrainingImage
from napari_battery.synthetic.scan_pair import ScanPairSettings, scan_pair

ROUNDS = 5
RATES = {"adam": (5e-4, 1e-3, 2e-3), "muon": (7.5e-4, 1.5e-3, 3e-3)}


def electrode(seed: int) -> TrainingImage:
    made = scan_pair(ScanPairSettings(size_z=64, size_y=192, size_x=192, seed=seed))
    pair = cut_to_overlap(made.low, made.clean_high)
    return pair_image(pair, group=f"synthetic electrode {seed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--slices", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    images = [electrode(seed) for seed in range(1, 6)]
    heads = " | ".join(f"{given.steps * (k + 1) // ROUNDS}" for k in range(ROUNDS))
    print(f"Gained (dB) after so many steps; {given.slices} slices, torch {torch.__version__}\n")
    print(f"| optimiser | rate | {heads} | CPU-s |\n|---|---|{'---|' * (ROUNDS + 1)}")
    for optimiser, rates in RATES.items():
        for rate in rates:
            settings = TrainSettings(
                loss="mse",
                optimiser=optimiser,
                learning_rate=rate,
                slices=given.slices,
                patch=96,
                epochs=ROUNDS,
                steps_per_epoch=given.steps // ROUNDS,
            )
            began = time.process_time()
            made = train(images[:-1], images[-1:], settings)
            used = time.process_time() - began
            without = made.model.card.metrics["validation, no model"]["psnr"]
            gained = made.history["validation_psnr"] - without
            cells = " | ".join(f"{value:+.2f}" for value in gained)
            print(f"| {optimiser} | {rate:g} | {cells} | {used:.0f} |", flush=True)


if __name__ == "__main__":
    main()
