"""ImageNet, 1,000 classes: the depth question of He et al. 2015, Table 2, and the usual 90 epochs.

    resinc train --config=configs/imagenet.py:network=resnet-34 --config.data.dir=DIR --workdir=RUN

DIR holds train/CLASS/FILE and val/CLASS/FILE, or what TFDS prepared of `imagenet2012` as
array_record. `images=N` is the number of training images, of which the steps follow: of another set
give its own. The network sees `data.image_size` pixels of a side, as its paper has them; besides
224 that is 299 for the later Inceptions.

`recipe=90-epochs` is that of Goyal et al. 2017, sections 2 and 5.1: batches of `batch`, learning
rate 0.1 for each 256 of them, reached from 0.1 in a line within 5 epochs, divided by 10 after 30,
60 and 80; no weight decay of BatchNorm and biases; residual branches that start at zero.
They report 23.60 % top-1 error for ResNet-50 (`network=resnet-50-v1.5`, one centre crop).

`recipe=paper` is that of He et al. 2015, section 3.4: 600,000 steps of 256 images, learning rate
0.1, divided by 10 "when the error plateaus", here at a quarter, a half and three quarters; weight
decay of everything. With identity shortcuts throughout (option A), as in their Table 2, whose top-1
errors of ten crops are 27.94 % for plain-18, 28.54 for plain-34, 27.88 for resnet-18 and 25.03 for
resnet-34; Table 3 has 22.85 for resnet-50 with projections (B), 21.75 for 101, 21.43 for 152. Its
crops differ: there 224 of a shorter side of 256 to 480, here a box of 8 to 100 % of the area
(Szegedy et al. 2014), as in later reproductions.
"""

from ml_collections import ConfigDict

from configs import base
from resinc.errors import InputError
from resinc.registry import lookup
from resinc.zoo import named

TRAIN_SIZE = 1_281_167
UNIT = 256  # Images for which the learning rate is 0.1.


def get_config(arg: str | None = None) -> ConfigDict:
    args = base.parse_arg(
        arg,
        recipe="90-epochs",
        network="resnet-50-v1.5",
        dataset="imagenet2012",
        batch=256,
        images=TRAIN_SIZE,
    )
    recipe = lookup(RECIPES, args.recipe, "recipe")
    if not 1 <= args.batch <= args.images:
        raise InputError(f"batch {args.batch} is not between 1 and the {args.images} images")
    config = base.get_config()
    base.use_network(config, args.network)
    config.data.name = args.dataset
    config.data.image_size = named(args.network).image[0]
    config.data.normalize = "imagenet"
    config.batch_size = args.batch
    config.eval_batch_size = 512
    recipe(config, args.images / args.batch)
    return config


def _ninety_epochs(config: ConfigDict, epoch: float) -> None:
    config.steps = round(90 * epoch)
    config.eval_every_steps = round(epoch) or 1
    if config.model.name == "imagenet" and config.model.block != "plain":
        config.model.zero_last_norm = True
    config.optimizer.lr = 0.1 * config.batch_size / UNIT
    config.optimizer.decay_on = "kernels"
    config.schedule.boundaries = (30 / 90, 60 / 90, 80 / 90)
    if config.batch_size > UNIT:
        config.schedule.warmup = 5 / 90
        config.schedule.warmup_form = "rise"
        config.schedule.warmup_factor = UNIT / config.batch_size


def _paper(config: ConfigDict, epoch: float) -> None:
    config.steps = round(600_000 * UNIT / config.batch_size)
    config.eval_every_steps = round(epoch) or 1
    config.optimizer.lr = 0.1 * config.batch_size / UNIT
    config.schedule.boundaries = (0.25, 0.5, 0.75)
    if config.model.depth in (18, 34) and config.model.block == "residual":
        config.model.shortcut = "A"


RECIPES = {"90-epochs": _ninety_epochs, "paper": _paper}
