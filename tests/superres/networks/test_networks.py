import pytest
import torch

from napari_battery.errors import InputError
from napari_battery.superres.networks import NETWORKS, Discriminator, make_network, parameters


@pytest.mark.parametrize(("name", "count"), [("paper-cnn", 278_849), ("paper-gan", 75_649)])
def test_the_papers_networks_have_the_papers_parameters(name: str, count: int) -> None:
    assert parameters(make_network(name)) == count


def test_the_papers_discriminator_has_the_papers_parameters() -> None:
    critic = Discriminator()
    assert parameters(critic) == 598_785
    assert critic(torch.rand(2, 1, 128, 128)).shape == (2, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_made_again_from_its_name_and_options(name: str) -> None:
    network = make_network(name)
    again = make_network(network.name, **network.options)
    again.load_state_dict(network.state_dict())
    assert again.options == network.options
    x = torch.rand(1, network.slices, 31, 40)
    with torch.inference_mode():
        assert torch.equal(network(x), again(x))
        assert network(x).shape == (1, 1, 31, 40)


def test_unknown_names_and_options_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="no network “swin”; there are battery"):
        make_network("swin")
    with pytest.raises(InputError, match="no option “depth”; it has slices, blocks"):
        make_network("battery", depth=3)
    with pytest.raises(InputError, match="it has none"):
        make_network("paper-cnn", slices=3)
    with pytest.raises(InputError, match="odd number of slices, not 4"):
        make_network("battery", slices=4)
    with pytest.raises(InputError, match="“blocks” is a whole number from 1 on, not 0"):
        make_network("battery", blocks=0)
    with pytest.raises(InputError, match="even side, not 63"):
        Discriminator(63)
