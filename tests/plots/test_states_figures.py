"""Figures of states show the numbers of their tables."""

from __future__ import annotations

import gc
import weakref

import electrode_tables as tables
import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.plots import states_figures as figures
from napari_battery.plots.states_greys import grey_histograms_by_state
from napari_battery.plots.states_means import means_by_position, means_by_state
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.states_shares import shares_table
from napari_battery.plots.style import PAPER, new_figure
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import all_particles, n_tiles, where


@pytest.fixture(scope="module")
def frames():
    return tables.electrode(note="synthetic data")


def words(figure):
    return " ".join(
        text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))
    )


def test_every_figure_is_drawn_and_saved_with_its_numbers(frames, tmp_path):
    drawn = figures.states_figures(frames, subsets=n_tiles(frames, "sem", 2))
    assert list(drawn) == list(figures.FIGURES)
    files = figures.save_states_figures(tmp_path / "new", drawn, {"tool": "test"}, dpi=40)
    assert len(files) == 3 * len(drawn)
    for name, plot in drawn.items():
        table = pd.read_csv(tmp_path / "new" / f"{name}.csv")
        assert len(table) == len(plot.data) > 0
        assert "synthetic data" in words(plot.figure).replace("\n", " ")


def test_means_and_errors_are_those_of_the_paper(frames):
    dark = where(frames, "delta_core_mean < -3", "4.4 V", "dark")
    figure, data = means_by_state(frames, [all_particles(frames), dark])
    kept = frames.particles.query("kept")
    members = set(dark.labels(frames))
    for subset, table in (("all particles", kept), ("dark", kept[kept["label"].isin(members)])):
        at = data[(data["subset"] == subset) & (data["state"] == "4.4 V")].set_index("quantity")
        of_state = table[table["state"] == "4.4 V"]
        for quantity, column, error in (
            ("mean", "core_mean", "sem"), ("delta", "delta_core_mean", "sem_delta"),
        ):  # fmt: skip
            assert at.loc[quantity, "mean"] == pytest.approx(of_state[column].mean())
            assert at.loc[quantity, "ses"] == pytest.approx(of_state[column].sem())
            assert at.loc[quantity, "sem"] == pytest.approx(np.sqrt((of_state[error] ** 2).mean()))
            assert at.loc[quantity, "n"] == len(of_state)
    assert "± 3 SE" in words(figure)
    both = means_by_state(frames, settings=StatesFigureSettings(error="SE_tot", se_multiple=2))
    row = both.data.query("state == '2.5 V' and quantity == 'delta'").iloc[0]
    assert row["se"] == pytest.approx(np.hypot(row["ses"], row["sem"]))
    assert "± 2 SE_tot" in words(both.figure)


def test_change_grows_towards_the_collector_where_it_does(frames):
    settings = StatesFigureSettings(collector_side="high")
    _, data = means_by_position(frames, settings=settings)
    at = data[data["state"] == "4.4 V"].set_index("position")
    assert at["mean"].is_monotonic_increasing
    assert at.loc[1, "distance_from"] == 0
    assert at["n"].max() - at["n"].min() <= 1
    true = -3 * (0.5 + (100 - at[["distance_from", "distance_to"]].mean(axis=1)) / 100)
    np.testing.assert_allclose(at["mean"], true, atol=0.2)


def test_a_share_counts_the_particles_that_obey(frames):
    row = shares_table(frames).iloc[0]
    wide = frames.particles.query("kept").pivot(index="label", columns="state", values="core_mean")
    assert row["obeying"] == (wide["4.4 V"] < wide["pristine"]).sum()
    assert row["ci_low"] <= row["share"] <= row["ci_high"]


def test_peaks_and_their_drift_are_found(frames):
    _, data = grey_histograms_by_state(frames)
    peaks = data.groupby("state", sort=False)[["low_peak", "high_peak"]].first()
    np.testing.assert_allclose(peaks["low_peak"], [60, 61, 62, 63], atol=0.2)
    np.testing.assert_allclose(peaks["high_peak"], 175, atol=0.2)


def test_unmatched_populations_have_no_changes():
    frames = tables.electrode(matched=False)
    drawn = figures.states_figures(frames)
    assert list(drawn) == ["means", "profiles", "distributions", "scatter", "greys"]
    assert set(drawn["means"].data["quantity"]) == {"mean"}
    for name in ("positions", "depth", "volcano"):
        with pytest.raises(InputError, match="matched"):
            figures.draw_states_figure(name, frames)
    with pytest.raises(InputError, match="write a condition in one state"):
        figures.draw_states_figure("shares", frames)


def test_odd_tables_are_drawn_or_refused(frames):
    one = frames.particles.query("label == 2")
    lone = Frames(one.assign(kept=True), frames.states, frames.directions)
    means = means_by_state(lone)
    assert means.data["se"].isna().all()
    nobody = Frames(frames.particles.assign(kept=False), frames.states)
    for name in ("distributions", "volcano"):
        with pytest.raises(InputError, match="No particle"):
            figures.draw_states_figure(name, nobody)
    with pytest.raises(InputError, match="is empty"):
        Frames(frames.particles.iloc[:0])
    settings = StatesFigureSettings(size_tile=7)
    with pytest.raises(InputError, match="Size class 7"):
        figures.draw_states_figure("profiles", frames, settings=settings)


def seen(figure):
    """All that a figure says and where its axes lie; nothing of how it came about."""
    panels = [
        (
            axes.get_xlim(),
            axes.get_ylim(),
            [tick.get_text() for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())],
            [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")],
            [(np.asarray(line.get_xydata()).tolist(), line.get_color()) for line in axes.lines],
            [len(one.get_paths()) for one in axes.collections],
            [text.get_text() for text in axes.texts],
        )
        for axes in figure.axes
    ]
    legends = [[text.get_text() for text in one.get_texts()] for one in figure.legends]
    return repr((panels, legends, figure.get_suptitle()))


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_a_figure_drawn_into_again_shows_what_a_new_one_would(frames, name):
    many, few = n_tiles(frames, "centroid_z_um", 4), n_tiles(frames, "centroid_x_um", 3)
    settings = StatesFigureSettings(size_tiles=1, position_tiles=3)
    used = new_figure(PAPER, 200, 80)
    for subsets in (many, few, [many[1]], few, many):
        for figure in (used, new_figure(PAPER, 200, 80)):
            figures.draw_states_figure(name, frames, subsets, settings, figure=figure)
            last = figure
        assert seen(used) == seen(last)


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_a_figure_put_away_is_freed(frames, name):
    """Its panels are kept for the next drawing, but not beyond the figure."""
    drawn = figures.draw_states_figure(name, frames, ())
    gone = weakref.ref(drawn.figure)
    del drawn
    gc.collect()
    assert gone() is None


def test_panels_of_one_row_have_the_same_limits(frames):
    steep, flat = where(frames, "delta_core_mean < -4", "4.4 V"), all_particles(frames)
    for subsets in ([steep, flat], [flat, steep]):
        for name in ("positions", "distributions", "profiles"):
            settings = StatesFigureSettings(size_tiles=1, position_tiles=2)
            figure, _ = figures.draw_states_figure(name, frames, subsets, settings)
            first, second = figure.axes[:2]
            assert first.get_ylim() == second.get_ylim()
            for axes in (first, second):
                lines = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) > 2]
                assert np.nanmax(np.concatenate(lines)) <= axes.get_ylim()[1]
