"""States of charge: speed from finished tables, and truth on the synthetic cycled electrode.

    python benchmarks/bench_states.py speed [--particles 10000] [--states 4]
    python benchmarks/bench_states.py redraw [--dock] [--figure volcano]
    python benchmarks/bench_states.py truth
    python benchmarks/bench_states.py spoilt
    python benchmarks/bench_states.py seeds [--seeds 50]

`speed`: CPU seconds from radial tables of made-up numbers to the study's tables, and to all
figures as PNG. `redraw`: CPU seconds from other subsets to the figure drawn anew, of every
figure, for one subset and for four side by side; with `--dock` in the dock of a real window, from
the click on. `truth`: one electrode of several thousand particles, labels carried from the
first state; what share keeps its identity, whether means, the trend towards the current
collector and the share that brightens again are found. `spoilt`: what is warned of once something
is wrong.
`seeds`: small volumes with their true labels; how often the 95 % interval from SES covers the
mean change that was drawn from, and the bias over SES.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_battery.labelling.quality import match_labels
from napari_battery.radial import RadialResult, RadialSettings
from napari_battery.states.frames import Frames
from napari_battery.states.manifest import State
from napari_battery.states.run import gather, study_of
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.study import apply_rules, run_study, tabulate
from napari_battery.synthetic import ElectrodeSettings, SyntheticElectrode, synthetic_electrode
from napari_battery.tables import LAYERS, PARTICLES_3D

TRUE_MEAN = {"4.0 V": -1.41, "4.4 V": -3.0, "2.5 V": -2.0}
SETTINGS = StudySettings(exclude_layers=3)


def made_up(n: int, n_states: int) -> tuple[list[State], list[RadialResult], dict]:
    """Finished radial tables of made-up numbers, noise and histograms."""
    rng = np.random.default_rng(0)
    n_layers = np.clip(rng.normal(15, 4, n), 7, 40).astype(int)
    first = rng.normal(174, 11, n)
    centres = rng.uniform(0, 250, (n, 3))
    states, results, greys = [], [], []
    for k in range(n_states):
        layer = np.concatenate([np.arange(1, m + 1) for m in n_layers])
        row = np.repeat(np.arange(n), n_layers)
        grey = first[row] - k * rng.gamma(1, 1, n)[row] + 15 * (1 - np.exp(-layer / 3))
        layers = pd.DataFrame({name: 0.0 for name in LAYERS}, index=range(len(row)))
        layers["label"], layers["layer"] = row + 1, layer
        layers["n_voxels"] = np.maximum(4 * (n_layers[row] - layer + 1) ** 2, 1)
        layers["depth_um"] = (layer - 0.5) * 0.325
        layers["relative_radius"] = 1 - (layer - 0.5) / n_layers[row]
        layers["mean"], layers["std"] = grey, 14.0
        begin = np.flatnonzero(layer == 1)
        surface = np.repeat(grey[begin], n_layers)
        top = np.repeat(np.maximum.reduceat(grey, begin), n_layers)
        layers["normalised_max"] = (grey - surface) / (top - surface)
        layers["normalised_surface"] = grey / surface
        particles = pd.DataFrame({name: rng.uniform(1, 2, n) for name in PARTICLES_3D})
        particles["label"] = np.arange(1, n + 1)
        particles["n_layers"] = n_layers
        particles["volume_voxels"] = np.add.reduceat(layers["n_voxels"].to_numpy(), begin)
        particles["volume_um3"] = particles["volume_voxels"] * 0.325**3
        particles["equivalent_diameter_um"] = np.cbrt(6 / np.pi * particles["volume_um3"])
        for axis, letter in enumerate("zyx"):
            particles[f"centroid_{letter}_um"] = centres[:, axis] + rng.normal(0, 0.1 * k, n)
        particles["touches_border"], particles["note"] = rng.random(n) < 0.1, ""
        name = f"state {k}"
        states.append(State(name, direction="" if k == 0 else "charge"))
        results.append(RadialResult(particles, layers, RadialSettings(), {}))
        level = np.arange(256)
        empty = 1e7 * np.exp(-(((level - 100) / 14) ** 2) / 2)
        solid = 1e7 * np.exp(-(((level - 174) / 18) ** 2) / 2)
        greys.append(
            pd.DataFrame(
                {
                    "state": name,
                    "grey": level,
                    "count": empty + solid,
                    "empty": empty,
                    "solid": solid,
                }
            )
        )
    noise = pd.DataFrame(
        {
            "state": [state.name for state in states],
            "sigma": 14.0,
            "correlation_voxels": 8.0,
            "background_mean": 100.0,
            "n_voxels": 10_000,
            "source": "given",
        }
    )
    return states, results, {"noise": noise, "greys": pd.concat(greys, ignore_index=True)}


def speed(n: int, n_states: int) -> None:
    from napari_battery.plots.states_figures import save_states_figures, states_figures

    tabulate(*made_up(300, n_states)[:2])  # imports
    states, results, more = made_up(n, n_states)
    begin = time.process_time()
    study = tabulate(states, results, **more)
    tables = time.process_time() - begin
    begin = time.process_time()
    apply_rules(study, StudyRules(smallest=False))
    rules = time.process_time() - begin
    begin = time.process_time()
    figures = states_figures(study)
    drawn = time.process_time() - begin
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        save_states_figures(Path(folder) / "figures", figures, study.made)
    saved = time.process_time() - begin
    print(f"{n:,} particles × {n_states} states, CPU s: tables {tables:.2f}, a rule switched")
    print(f"{rules:.2f}, {len(figures)} figures drawn {drawn:.2f}, saved as PNG {saved:.2f};")
    print(f"tables and figures together {tables + drawn + saved:.2f}")


def redraw(n: int, n_states: int, in_dock: bool, figures: list[str] | None) -> None:
    from states_redraw import redraw_dock, redraw_figures

    states, results, more = made_up(n, n_states)
    study = tabulate(states, results, **more)
    print(f"{n:,} particles × {n_states} states; from other subsets to the figure drawn")
    if in_dock:
        redraw_dock(study, figures)
    else:
        redraw_figures(Frames.of(study), figures)


def states_of(made: SyntheticElectrode) -> list[State]:
    return [State(state.name, direction=state.direction) for state in made.states]


def truth() -> None:
    made = synthetic_electrode(
        ElectrodeSettings(
            size_z=240, size_y=416, size_x=416, median_diameter_um=8.0, shift_um=0.3, seed=7
        )
    )
    states = states_of(made)
    scans = {state.name: state for state in made.states}
    carried: dict[str, np.ndarray] = {}

    def opened(state: State):
        return scans[state.name].image, scans[state.name].labels if state is states[0] else None

    begin = time.process_time()
    got = gather(
        states, StudySettings(), open_state=opened,
        keep_labels=lambda state, labels: carried.update({state.name: labels.data}),
    )  # fmt: skip
    study = study_of(states, got)
    print(f"study of {made.states[0].image.shape}: {time.process_time() - begin:.0f} CPU s")
    whole = made.truth.loc[~made.truth["touches_border"], "label"].unique()
    kept = study.particles.loc[study.particles["kept"], "label"].unique()
    print(f"particles {made.truth['label'].nunique()}, whole {len(whole)}, kept {len(kept)}")
    for state in states[1:]:
        match = match_labels(scans[state.name].labels.data, carried[state.name])
        same = match.set_index("label")["found"].reindex(whole)
        share = float((same == same.index).mean())
        print(f"{state.name}: {share:.2%} of the whole particles keep their identity")
    print(study.ledger.to_string(index=False))
    print(
        study.summary[["state", "n", "delta", "ses_delta", "sem_delta", "z"]].to_string(index=False)
    )
    table = study.particles[study.particles["kept"]]
    wide = table.pivot(index="label", columns="state", values="delta_core_mean")
    true = made.truth.pivot(index="label", columns="state", values="core_change").loc[wide.index]
    for name in TRUE_MEAN:
        off = float((wide[name] - true[name]).mean())
        print(f"{name}: mean found less the mean of the same particles' truth {off:+.3f}")
    x = table[table["state"] == "pristine"].set_index("label")["centroid_x_um"].loc[wide.index]
    for what, values in (("found", wide["4.4 V"]), ("true", true["4.4 V"])):
        slope, error = np.polyfit(x, values, 1, cov=True)
        tiles = values.groupby(pd.qcut(x, 4, labels=False)).mean().round(2).tolist()
        print(f"trend at 4.4 V, {what}: {slope[0]:.4f} ± {error[0, 0] ** 0.5:.4f} per µm, {tiles}")
    shares = [float((t["2.5 V"] > t["4.4 V"]).mean()) for t in (wide, true)]
    print(f"brighter at 2.5 V than at 4.4 V: found {shares[0]:.3f}, true {shares[1]:.3f}")
    print(f"warnings: {study.warnings}")


def spoilt() -> None:
    """What is warned of once something is wrong; true labels but where it says otherwise."""
    made = synthetic_electrode(
        ElectrodeSettings(
            size_z=112, size_y=160, size_x=176, median_diameter_um=6.5, core_layers=3, seed=7
        )
    )
    states = states_of(made)

    def with_gain(scan, factor):
        grey = np.clip(np.rint(scan.image.data * factor), 0, 255).astype(np.uint8)
        return replace(scan.image, data=grey), scan.labels

    def rolled(scan, labels, by):
        image = replace(scan.image, data=np.roll(scan.image.data, by, (0, 1, 2)))
        return image, labels

    a, b, c, d = made.states
    as_is = {s.name: (s.image, s.labels) for s in made.states}
    cases = {
        "nothing wrong": as_is,
        "4.4 V × 1.02": {**as_is, c.name: with_gain(c, 1.02)},
        "4.0 V and 4.4 V swapped": {**as_is, b.name: as_is[c.name], c.name: as_is[b.name]},
        "4.4 V and 2.5 V swapped": {**as_is, c.name: as_is[d.name], d.name: as_is[c.name]},
        "4.4 V 3 voxels off, first labels": {**as_is, c.name: rolled(c, a.labels, (0, 3, 0))},
        "4.4 V (8, 12, 8) voxels off, carried": {**as_is, c.name: rolled(c, None, (8, 12, 8))},
    }
    for what, scans in cases.items():
        study = run_study(states, SETTINGS, open_state=lambda state, s=scans: s[state.name])
        print(f"{what}: {len(study.warnings)} warnings")
        for text in study.warnings:
            print(f"    {text}")


def seeds(n: int) -> None:
    from scipy import stats

    rows, warned = [], 0
    begin = time.process_time()
    for seed in range(n):
        made = synthetic_electrode(
            ElectrodeSettings(
                size_z=112, size_y=128, size_x=128, median_diameter_um=8.0, seed=1000 + seed
            )
        )  # fmt: skip
        scans = {state.name: (state.image, state.labels) for state in made.states}
        study = run_study(states_of(made), open_state=lambda state, s=scans: s[state.name])
        warned += bool(study.warnings)
        kept = study.particles.loc[study.particles["kept"], "label"].unique()
        true = made.truth[made.truth["label"].isin(kept)].groupby("state")["core_change"].mean()
        for row in study.summary.iloc[1:].itertuples():
            off = row.delta - TRUE_MEAN[row.state]
            rows.append((row.state, row.n, off, row.delta - true[row.state], row.ses_delta))
    table = pd.DataFrame(rows, columns=["state", "n", "off", "own", "ses"])
    table["covered"] = table["off"].abs() < 1.96 * table["ses"]
    print(f"{n} volumes in {time.process_time() - begin:.0f} CPU s, {warned} of them with warnings")
    for name, some in table.groupby("state", sort=False):
        low, high = stats.binom.ppf([0.025, 0.975], len(some), 0.95)
        print(
            f"{name}: n {some['n'].mean():.0f}, covered {some['covered'].sum()} of {len(some)} "
            f"(95 % of binomial: {low:.0f} to {high:.0f}), bias {some['off'].mean():+.3f} = "
            f"{some['off'].mean() / some['ses'].mean():+.2f} SES, spread over SES "
            f"{some['off'].std() / some['ses'].mean():.2f}; less the mean of the very particles' "
            f"truth {some['own'].mean():+.3f} ± {some['own'].std() / len(some) ** 0.5:.3f} = "
            f"{some['own'].mean() / some['ses'].mean():+.2f} SES"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "redraw", "truth", "spoilt", "seeds"))
    parser.add_argument("--figure", action="append", help="redraw: only this one; several times")
    parser.add_argument("--dock", action="store_true", help="redraw: in the dock of a window")
    parser.add_argument("--particles", type=int, default=10_000)
    parser.add_argument("--states", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=50)
    options = parser.parse_args()
    if options.what == "speed":
        speed(options.particles, options.states)
    elif options.what == "redraw":
        redraw(options.particles, options.states, options.dock, options.figure)
    elif options.what == "truth":
        truth()
    elif options.what == "spoilt":
        spoilt()
    else:
        seeds(options.seeds)


if __name__ == "__main__":
    main()
