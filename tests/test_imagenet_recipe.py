"""The numbers of configs/imagenet.py are those of its papers."""

import numpy as np
import pytest

from resinc import config as config_file
from resinc import networks
from resinc.errors import InputError
from resinc.train.optimizer import make_schedule


def load(arguments):
    return config_file.load(f"configs/imagenet.py:{arguments}")


def rates(config, *epochs, of=90):
    schedule = make_schedule(config.schedule, config.optimizer.lr, config.steps)
    return [float(schedule(round(epoch / of * config.steps))) for epoch in epochs]


@pytest.mark.parametrize(("batch", "peak"), [(256, 0.1), (1024, 0.4), (8192, 3.2), (64, 0.025)])
def test_rate_is_linear_in_the_batch_and_falls_at_30_60_80(batch, peak):
    config = load(f"batch={batch}")
    assert config.steps == round(90 * 1_281_167 / batch)
    assert config.batch_size == batch
    found = rates(config, 29.9, 30.1, 59.9, 60.1, 79.9, 80.1)
    expected = [peak, peak / 10, peak / 10, peak / 100, peak / 100, peak / 1000]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_large_batches_begin_at_the_rate_of_256_and_rise_for_5_epochs():
    config = load("batch=8192")
    np.testing.assert_allclose(rates(config, 0, 2.5, 5.1), [0.1, 1.65, 3.2], rtol=1e-2)
    np.testing.assert_allclose(rates(load("batch=256"), 0, 2.5), 0.1)


def test_paper_has_600_000_steps_of_256_and_identity_shortcuts_where_it_compares_depths():
    config = load("recipe=paper,network=resnet-34")
    assert (config.steps, config.batch_size, config.model.shortcut) == (600_000, 256, "A")
    assert (config.optimizer.decay_on, config.model.zero_last_norm) == ("all", False)
    found = rates(config, 0, 59, 61, 119, of=120)
    np.testing.assert_allclose(found, [0.1, 0.01, 0.001, 0.0001], rtol=1e-5)
    assert load("recipe=paper,network=resnet-50").model.shortcut == "B"


@pytest.mark.parametrize("recipe", ["paper", "90-epochs"])
@pytest.mark.parametrize(
    "network",
    ["plain-18", "plain-34", "resnet-18", "resnet-34", "resnet-50", "resnet-50-v1.5", "googlenet"],
)
def test_networks_are_built_under_either_recipe(recipe, network):
    config = load(f"recipe={recipe},network={network}")
    networks.build(config.model, 1_000)


@pytest.mark.parametrize(("network", "pixels"), [("resnet-50", 224), ("inception-v3", 299)])
def test_network_sees_images_of_the_size_of_its_paper(network, pixels):
    assert load(f"network={network}").data.image_size == pixels


def test_another_set_gives_its_own_number_of_images():
    config = load("dataset=imagenette,images=9469,batch=64")
    assert (config.steps, config.eval_every_steps) == (13_316, 148)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("recipe=fast", "unknown recipe 'fast'"),
        ("batch=0", "batch 0 is not between 1 and the 1281167 images"),
    ],
)
def test_mistake_is_one_sentence(arguments, words):
    with pytest.raises(InputError, match=words):
        load(arguments)
