import numpy as np
import pytest
import torch

from napari_battery import tables
from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.superres.model_files import read_model, write_model
from napari_battery.superres.train import TrainSettings, train
from napari_battery.superres.train_settings import PRESETS, filled
from napari_battery.superres.train_state import CHECKPOINT, read_checkpoint
from napari_battery.superres.training_image import TrainingImage


def image(seed=0, shape=(8, 64, 72), name="made up"):
    """Blurred noise with sharp levels as the high image, and blurred further as the low one."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    high = (gaussian_filter(rng.normal(size=shape), 2) > 0).astype(np.float32)
    low = gaussian_filter(high, 1.5)
    return TrainingImage(
        name, f"sample {seed}", low, high, (3.0,) * 3, (1.0,) * 3,
        provenance={
            "high": {
                "name": name,
                "path": f"/data/{name}.tif",
                "fingerprint": "sha256:h",
                "box": [[10, 18], [0, 64], [5, 77]],
            },
            "low": {"name": "low", "fingerprint": "sha256:l", "box": [[0, 3], [0, 22], [2, 26]]},
            "licence": "CC0",
            "synthetic": True,
        },
    )  # fmt: skip


TINY = {
    "network": "battery", "slices": 3, "batch": 2, "patch": 36, "epochs": 3, "steps_per_epoch": 4,
    "validation_patches": 3, "precision": "float32", "device": "cpu", "border": 3,
}  # fmt: skip
GAN = {**TINY, "network": "paper-gan", "slices": None, "preset": "paper", "patch": 32}


@pytest.fixture(scope="module")
def images():
    return [image(0), image(1)], [image(2)]


@pytest.fixture(autouse=True)
def one_thread():
    """So small nets gain nothing by threads, which other work may hold."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class StopAfter(CallbackProgress):
    def __init__(self, steps):
        super().__init__(self.count, lambda: self.done >= steps)
        self.done = 0

    def count(self, done, total, what):
        self.done = done


def weights(trained):
    return trained.model.network.state_dict()


def assert_equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_a_tiny_training_lowers_the_validation_error(images):
    settings = TrainSettings(**{**TINY, "batch": 4, "epochs": 3, "steps_per_epoch": 25})
    seen = []
    trained = train(*images, settings, watch=seen.append)
    figures = trained.model.card.metrics
    # 0.67 to 0.71 of it with four seeds
    assert figures["validation"]["mse"] < 0.85 * figures["validation, no model"]["mse"]
    assert figures["validation"]["ssim"] > figures["validation, no model"]["ssim"]
    history = trained.history
    assert tuple(history.columns) == tables.TRAINING
    assert list(history["epoch"]) == [1, 2, 3]
    assert list(history["steps"]) == [25, 50, 75]
    assert history["validation_mae"].iloc[-1] < history["validation_mae"].iloc[0]
    assert history["train_mae"].iloc[-1] < history["train_mae"].iloc[0]
    assert set(tables.TRAINING) <= set(tables.COLUMNS)
    assert [len(s.history) for s in seen] == [1, 2, 3]
    last = seen[-1]
    assert last.low.shape == last.predicted.shape == last.high.shape == (36, 36)
    assert last.seconds_left == 0 < seen[0].seconds_left
    difference = abs(last.predicted - last.high)[3:-3, 3:-3].mean()
    assert difference < abs(last.low - last.high)[3:-3, 3:-3].mean()


@pytest.mark.parametrize("given", [TINY, GAN, {**TINY, "schedule": "plateau", "ema": 0.0}])
def test_resumed_equals_uninterrupted(images, tmp_path, given):
    settings = TrainSettings(**given)
    whole = train(*images, settings)
    stopped = train(*images, settings, StopAfter(7), folder=tmp_path)
    assert stopped.stopped == "cancelled"
    assert len(stopped.history) == 1
    state = read_checkpoint(tmp_path)
    assert state.epoch == 1
    resumed = train(*images, settings, folder=tmp_path)
    assert resumed.stopped == ""
    assert_equal(weights(whole), weights(resumed))
    timed = ["seconds"]
    assert whole.history.drop(columns=timed).equals(resumed.history.drop(columns=timed))


def test_same_seed_same_weights_other_seed_others(images):
    settings = TrainSettings(**{**TINY, "epochs": 1})
    once, again = (train(*images, settings) for _ in range(2))
    assert_equal(weights(once), weights(again))
    other = train(*images, settings.model_copy(update={"seed": 1}))
    assert not torch.equal(next(iter(weights(once).values())), next(iter(weights(other).values())))


def test_the_global_random_numbers_are_left_alone(images):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(*images, TrainSettings(**{**TINY, "epochs": 1, "steps_per_epoch": 1}))
    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_goes_with_its_settings_and_images(images, tmp_path):
    settings = TrainSettings(**TINY)
    train(*images, settings, StopAfter(5), folder=tmp_path)
    with pytest.raises(InputError, match="batch 2, now 3"):
        train(*images, settings.model_copy(update={"batch": 3}), folder=tmp_path)
    with pytest.raises(InputError, match="other images"):
        train([image(7)], images[1], settings, folder=tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        train(*images, settings, folder=tmp_path)


def test_a_checkpoint_runs_no_code(images, tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"format": "napari-battery-training/2", "asked": Evil()}, tmp_path / CHECKPOINT)
    with pytest.raises(InputError, match="cannot be read"):
        read_checkpoint(tmp_path)


def test_cancelled_before_the_first_round_still_gives_a_model(images):
    trained = train(*images, TrainSettings(**TINY), StopAfter(2))
    assert (trained.stopped, trained.best_epoch, len(trained.history)) == ("cancelled", 0, 0)
    assert "hardly learnt" in trained.notes[0]
    assert trained.model.card.metrics == {}


def test_cancelled_at_once_does_not_pass_for_a_training(images):
    class Never(CallbackProgress):
        def __init__(self):
            super().__init__(lambda *_: None, lambda: True)

    try:
        trained = train(*images, TrainSettings(**TINY), Never())
    except Cancelled:
        return
    assert trained.stopped == "cancelled"


def test_the_best_round_is_kept_and_early_stopping_stops(images):
    # so large a step that the loss does not fall from round to round
    settings = TrainSettings(
        **{**TINY, "epochs": 30, "learning_rate": 0.05, "schedule": "constant",
           "early_stopping": 2, "ema": 0.0, "steps_per_epoch": 2}
    )  # fmt: skip
    trained = train(*images, settings)
    assert trained.stopped == "early"
    loss = trained.history["validation_mae"]
    assert trained.best_epoch == int(loss.idxmin()) + 1
    assert len(loss) == trained.best_epoch + 2
    assert trained.model.card.metrics["validation"]["mae"] == loss.min()


def test_training_further_begins_where_the_model_is(images, tmp_path):
    first = train(*images, TrainSettings(**TINY))
    written = write_model(tmp_path / "first.safetensors", first.model)
    settings = TrainSettings(
        **{**TINY, "epochs": 1, "steps_per_epoch": 1, "learning_rate": 1e-9,
           "optimiser": "adam", "schedule": "constant"}
    )  # fmt: skip
    further = train(
        [image(3)], images[1], settings, start=read_model(tmp_path / "first.safetensors")
    )
    for name, tensor in weights(first).items():
        # one step of Adam moves no weight farther than its rate
        torch.testing.assert_close(weights(further)[name], tensor, atol=2e-9, rtol=0)
    card = further.model.card
    assert card.title.endswith("trained further")
    assert set(written.card.training) <= set(card.training)
    with pytest.raises(InputError, match="reads 3 slices, 5"):
        train(*images, TrainSettings(**{**TINY, "slices": 5}), start=written)


def test_the_card_says_what_was_used(images):
    card = train(*images, TrainSettings(**{**TINY, "epochs": 1})).model.card
    assert (card.network, card.slices, card.ratio) == ("battery", 3, (3.0, 3.0))
    assert card.low_voxel_size_um == (3.0, 3.0)
    high = next(d for d in card.training if d.sha256 == "sha256:h")
    assert (high.name, high.box, high.licence) == (
        "made up.tif", ((10, 18), (0, 64), (5, 77)), "CC0",
    )  # fmt: skip
    assert high.synthetic
    assert card.settings["seed"] == 0
    assert card.settings["learning_rate"] == PRESETS["fast"]["learning_rate"]
    assert card.input.quantiles
    assert card.made.version


def test_the_gan_moves_the_discriminator_and_only_the_generator_by_its_answer(images):
    from napari_battery.superres.train_gan import Adversary

    adversary = Adversary(32, 0.5, 1e-3, "cpu")
    generated = torch.rand(2, 1, 32, 32, requires_grad=True)
    before = {k: v.clone() for k, v in adversary.network.state_dict().items()}
    loss = adversary.loss(generated)
    loss.backward()
    assert generated.grad.abs().sum() > 0
    assert all(p.grad is None for p in adversary.network.parameters())
    with torch.no_grad():
        answer = adversary.network(generated)
    assert float(loss.detach()) == pytest.approx(0.5 * 0.5 * float(((answer - 1) ** 2).mean()))
    real = torch.rand(2, 1, 32, 32)
    for _ in range(20):
        adversary.learn(generated, real)
    assert not torch.equal(before["body.0.weight"], adversary.network.state_dict()["body.0.weight"])
    with torch.no_grad():
        assert adversary.network(real).mean() > adversary.network(generated).mean() + 0.3


def test_time_decides_the_steps(images):
    settings = TrainSettings(**{**TINY, "epochs": 4, "steps_per_epoch": None, "minutes": 0.02})
    trained = train(*images, settings)
    assert trained.settings.epochs <= 4
    assert trained.settings.steps_per_epoch >= 1
    assert trained.model.card.settings["minutes"] == 0.02


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_is_recorded(images, precision):
    settings = TrainSettings(**{**TINY, "epochs": 1, "steps_per_epoch": 1, "precision": precision})
    assert train(*images, settings).model.card.precision == precision


def test_presets_fill_in_what_is_left_open():
    paper = filled(TrainSettings(preset="paper", network="paper-gan"))
    assert (paper.learning_rate, paper.batch, paper.epochs, paper.loss) == (1e-4, 32, 28, "mse")
    assert (paper.schedule, paper.patch) == ("plateau", 128)
    assert paper.adversarial_weight > 0
    fast = filled(TrainSettings(batch=3))
    assert (fast.batch, fast.loss, fast.adversarial_weight) == (3, "l1", 0.0)
    assert set(PRESETS["fast"]) == set(PRESETS["paper"])


def test_settings_that_do_not_go_together(images):
    with pytest.raises(InputError, match="inside a border"):
        train(*images, TrainSettings(**{**TINY, "border": 15}))
    with pytest.raises(InputError, match="even side"):
        train(*images, TrainSettings(**{**GAN, "patch": 33}))
    with pytest.raises(InputError, match="too few"):
        train(*images, TrainSettings(**{**TINY, "patch": 96}))


def test_a_loss_that_is_no_number_stops_the_training(images):
    broken = image(4)
    broken.high[:] = np.nan
    with pytest.raises(InputError, match="not a number"):
        train([broken], images[1], TrainSettings(**TINY))
