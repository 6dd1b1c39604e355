"""The numbers of configs/imagenet.py are those of its papers."""

import numpy as np
import pytest

from resinc import config as config_file
from resinc import networks
from resinc.errors import InputError
from resinc.train.replica.optimizer import make_optimizer, make_schedule


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


NETWORKS = (
    *("plain-18", "plain-34", "resnet-18", "resnet-34", "resnet-50", "resnet-101", "resnet-152"),
    *("nin-imagenet", "googlenet", "inception-v3", "inception-resnet-v2"),
)


@pytest.mark.parametrize("recipe", ["paper", "90-epochs"])
@pytest.mark.parametrize("network", NETWORKS)
def test_networks_are_built_under_either_recipe(recipe, network):
    config = load(f"recipe={recipe},network={network}")
    networks.build(config.model, 1_000)
    make_optimizer(config.optimizer, make_schedule(config.schedule, 0.1, config.steps))


def test_without_batch_norm_the_rate_is_a_tenth():
    found = {name: load(f"network={name}").optimizer.lr for name in NETWORKS}
    assert {name for name, rate in found.items() if rate == 0.01} == {"nin-imagenet", "googlenet"}
    assert set(found.values()) == {0.1, 0.01}


@pytest.mark.parametrize(
    ("batch", "peak", "epochs"),
    [(4_096, 6.25, 5), (16_384, 25, 5), (32_768, 34, 12), (65_536, 41, 16)],
)
def test_lars_rises_to_the_rate_of_the_batch_and_falls_as_a_square(batch, peak, epochs):
    config = load(f"optimizer=lars,batch={batch}")
    assert config.optimizer.name == "lars"
    half = epochs + (90 - epochs) / 2
    found = rates(config, 0, epochs / 2, epochs, half, 90)
    # A step of so large a batch is a tenth of an epoch.
    expected = [peak / 1000, peak / 2, peak, peak / 4, 0]
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "peak", "epochs"), [(512, 0.00354, 0.3125), (32_768, 0.0283, 20)]
)
def test_lamb_has_the_rate_of_the_square_root_and_warms_up_by_the_batch(batch, peak, epochs):
    """4 / (2^3.5 100) and 4 / (2^0.5 100) in the paper's notation."""
    config = load(f"optimizer=lamb,batch={batch}")
    assert config.optimizer.name == "lamb"
    found = rates(config, epochs, epochs + (90 - epochs) / 2)
    np.testing.assert_allclose(found, [peak, peak / 2], rtol=0.03)
    assert rates(config, epochs / 2)[0] == pytest.approx(peak / 2, rel=0.1)


def test_papers_of_the_inceptions_lower_the_rate_a_little_every_few_epochs():
    v3 = load("recipe=paper,network=inception-v3,batch=32")
    assert v3.steps == round(100 * 1_281_167 / 32)
    found = rates(v3, 1.9, 2.1, 4.1, 99.9, of=100)
    np.testing.assert_allclose(found, 0.045 * 0.94 ** np.array([0, 1, 2, 49]), rtol=1e-4)
    assert (v3.optimizer.name, v3.optimizer.epsilon, v3.optimizer.clip_norm) == ("rmsprop", 1, 2)
    assert (v3.label_smoothing, v3.average_decay, v3.data.normalize) == (0.1, 0.9999, "half")
    googlenet = load("recipe=paper,network=googlenet")
    found = rates(googlenet, 7.9, 8.1, 249.9, of=250)
    np.testing.assert_allclose(found, 0.01 * 0.96 ** np.array([0, 1, 31]), rtol=1e-4)
    # Caffe counts 10 million steps.
    assert googlenet.steps == pytest.approx(10_000_000, rel=1e-3)


def test_solvers_of_caffe_are_as_they_are_there():
    nin = load("recipe=paper,network=nin-imagenet")
    assert (nin.steps, nin.batch_size, nin.optimizer.weight_decay) == (450_000, 64, 5e-4)
    schedule = make_schedule(nin.schedule, nin.optimizer.lr, nin.steps)
    found = [float(schedule(step)) for step in (199_999, 200_001, 400_001)]
    np.testing.assert_allclose(found, [0.01, 0.001, 0.0001], rtol=1e-5)
    quick = load("recipe=quick,network=googlenet")
    assert quick.steps == pytest.approx(2_400_000, rel=2e-3)
    np.testing.assert_allclose(rates(quick, 0, 45, of=60), [0.01, 0.005], rtol=1e-4)


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
        ("batch=-1", "batch -1 is not between 1 and the 1281167 images"),
        ("images=100", "batch 256 is not between 1 and the 100 images"),
        ("optimizer=lion", "unknown optimizer 'lion'"),
        ("recipe=paper,optimizer=lars", "optimizer=lars is for recipe=90-epochs, not paper"),
        ("recipe=paper,network=alexnet", "recipe=paper has nothing for network=alexnet"),
        ("recipe=quick,network=resnet-50", "recipe=quick is GoogLeNet's"),
    ],
)
def test_mistake_is_one_sentence(arguments, words):
    with pytest.raises(InputError, match=words):
        load(arguments)
