"""ImageNet, 1,000 classes: the depth question of He et al. 2015, and what others published.

    resinc train --config=configs/imagenet.py:network=resnet-34 --config.data.dir=DIR --workdir=RUN

DIR holds train/CLASS/FILE and val/CLASS/FILE, or what TFDS prepared of `imagenet2012` as
array_record. `images=N` is the number of training images, of which the steps follow: of another set
give its own. `batch=N` is the global batch, 0 that of the recipe; learning rates are linear in it.
The network sees `data.image_size` pixels of a side, as its paper has them.

| recipe | |
| --- | --- |
| `90-epochs` | of Goyal et al. 2017; `optimizer=lars` or `lamb` for batches above 8,192 |
| `paper` | of the network's own paper, or of its authors' code |
| `quick` | of GoogLeNet, the 60 epochs of Caffe's reference model |

docs/imagenet.md has the command of each network, its steps, and the error that was published.
"""

from ml_collections import ConfigDict

from configs import base
from resinc.errors import InputError
from resinc.registry import lookup
from resinc.zoo import named

TRAIN_SIZE = 1_281_167
HE_STEPS = 600_000  # Of 256 images.


def get_config(arg: str | None = None) -> ConfigDict:
    args = base.parse_arg(
        arg,
        recipe="90-epochs",
        network="resnet-50-v1.5",
        optimizer="momentum",
        dataset="imagenet2012",
        batch=0,
        images=TRAIN_SIZE,
    )
    recipe = lookup(RECIPES, args.recipe, "recipe")
    if args.optimizer != "momentum" and recipe is not _ninety_epochs:
        raise InputError(f"optimizer={args.optimizer} is for recipe=90-epochs, not {args.recipe}")
    config = base.get_config()
    base.use_network(config, args.network)
    config.data.name = args.dataset
    config.data.image_size = named(args.network).image[0]
    config.data.normalize = "imagenet"
    config.eval_batch_size = 512
    recipe(config, args)
    return config


def _epoch(config: ConfigDict, args: ConfigDict, batch: int) -> float:
    """Steps of an epoch; sets the batch, and evaluates once in an epoch."""
    config.batch_size = args.batch or batch
    if not 1 <= config.batch_size <= args.images:
        raise InputError(f"batch {config.batch_size} is not between 1 and the {args.images} images")
    epoch: float = args.images / config.batch_size
    config.eval_every_steps = round(epoch) or 1
    return epoch


def _fall(config: ConfigDict, every: float, epochs: float, factor: float) -> None:
    """Multiply the rate every so many epochs."""
    config.schedule.factor = factor
    falls = round(epochs / every)
    config.schedule.boundaries = tuple(
        i * every / epochs for i in range(1, falls + 1) if i * every < epochs
    )


def _ninety_epochs(config: ConfigDict, args: ConfigDict) -> None:
    """Goyal et al. 2017 (1706.02677), sections 2 and 5.1, save what the optimizer brings."""
    config.steps = round(90 * _epoch(config, args, 256))
    if config.model.name == "imagenet" and config.model.block != "plain":
        config.model.zero_last_norm = True
    config.optimizer.decay_on = "kernels"
    lookup(OPTIMIZERS, args.optimizer, "optimizer")(config)


def _momentum(config: ConfigDict) -> None:
    """Rate 0.1 for each 256 images, reached in a line within 5 epochs, divided after 30, 60, 80."""
    batch, unit = config.batch_size, 256
    # Without BatchNorm a tenth, the rate of Krizhevsky et al. 2012.
    config.optimizer.lr = (0.1 if _has_batch_norm(config) else 0.01) * batch / unit
    config.schedule.boundaries = (30 / 90, 60 / 90, 80 / 90)
    if batch > unit:
        _rise(config, 5, unit / batch)


def _lars(config: ConfigDict) -> None:
    """Rates and warm-up of Google's ResNet-50 on TPUs (tensorflow/tpu, lars_util.py).

    They have one rate up to 16,384 images; here it is linear below.
    """
    batch = config.batch_size
    rate, epochs = (25, 5) if batch <= 16_384 else (34, 12) if batch <= 32_768 else (41, 16)
    config.optimizer.name = "lars"
    config.optimizer.lr = rate * min(1, batch / 16_384)
    config.label_smoothing = 0.1
    config.schedule.name, config.schedule.power = "polynomial", 2.0
    _rise(config, epochs, 1e-3)


def _lamb(config: ConfigDict) -> None:
    """You et al. 2019 (1904.00962): rate by the square root of the batch, warm-up by the batch.

    Decay and smoothing are those of the authors' code (fastalgo/imagenet_resnet50_lamb).
    """
    batch = config.batch_size
    config.optimizer.name = "lamb"
    config.optimizer.lr = 0.04 * (batch / 65_536) ** 0.5
    config.optimizer.weight_decay = 1.5
    config.label_smoothing = 0.1
    config.schedule.name = "polynomial"
    _rise(config, min(20, 20 * batch / 32_768), 1e-3)


OPTIMIZERS = {"momentum": _momentum, "lars": _lars, "lamb": _lamb}


def _rise(config: ConfigDict, epochs: float, factor: float) -> None:
    """Of 90 epochs the first ones, from this part of the rate to all of it."""
    config.schedule.warmup = epochs / 90
    config.schedule.warmup_form = "rise"
    config.schedule.warmup_factor = factor


def _has_batch_norm(config: ConfigDict) -> bool:
    model = config.model
    own_bias = model.name == "alexnet" or (model.name, model.variant) == ("googlenet", "lrn")
    return model.norm == "batch" and not own_bias


def _paper(config: ConfigDict, args: ConfigDict) -> None:
    name = config.model.name
    if name not in PAPERS:
        raise InputError(
            f"recipe=paper has nothing for network={args.network}: it knows "
            f"{', '.join(PAPERS)}; take recipe=90-epochs"
        )
    PAPERS[name](config, args)


def _he(config: ConfigDict, args: ConfigDict) -> None:
    """He et al. 2015, section 3.4: 600,000 steps; "divided by 10 when the error plateaus".

    That is here at a quarter, a half and three quarters. Identity shortcuts throughout (option A)
    where Table 2 compares depths.
    """
    _epoch(config, args, 256)
    config.steps = round(HE_STEPS * 256 / config.batch_size)
    config.optimizer.lr = 0.1 * config.batch_size / 256
    config.schedule.boundaries = (0.25, 0.5, 0.75)
    if config.model.depth in (18, 34) and config.model.block == "residual":
        config.model.shortcut = "A"


def _lin(config: ConfigDict, args: ConfigDict) -> None:
    """The solver of the authors' ImageNet model for Caffe, gist d802a5849de39225bcc6."""
    _epoch(config, args, 64)
    config.steps = round(450_000 * 64 / config.batch_size)
    config.optimizer.lr = 0.01 * config.batch_size / 64
    config.optimizer.weight_decay = 5e-4
    config.optimizer.decay_on = "kernels"
    config.schedule.boundaries = (200 / 450, 400 / 450)


def _googlenet(config: ConfigDict, args: ConfigDict) -> None:
    """Szegedy et al. 2014, section 6: 4 % less every 8 epochs, and the average of the weights.

    Rate, decay, batch and length are those of Caffe's models/bvlc_googlenet/solver.prototxt.
    """
    _caffe(config, args, 250)
    _fall(config, 8, 250, 0.96)
    config.average_decay = 0.9999


def _quick(config: ConfigDict, args: ConfigDict) -> None:
    """Caffe's models/bvlc_googlenet/quick_solver.prototxt."""
    if config.model.name != "googlenet":
        raise InputError(f"recipe=quick is GoogLeNet's, not that of network={args.network}")
    _caffe(config, args, 60)
    config.schedule.name, config.schedule.power = "polynomial", 0.5


def _caffe(config: ConfigDict, args: ConfigDict, epochs: int) -> None:
    config.steps = round(epochs * _epoch(config, args, 32))
    config.optimizer.lr = 0.01 * config.batch_size / 32
    config.optimizer.weight_decay = 2e-4
    config.optimizer.decay_on = "kernels"


def _inception_v3(config: ConfigDict, args: ConfigDict) -> None:
    """Szegedy et al. 2015 (1512.00567), sections 7 and 8."""
    _rmsprop(config, args, 100)
    config.label_smoothing = 0.1
    config.optimizer.clip_norm = 2.0


def _inception_resnet(config: ConfigDict, args: ConfigDict) -> None:
    """Szegedy et al. 2016 (1602.07261), section 4; 160 epochs as far as Fig. 25 goes."""
    _rmsprop(config, args, 160)
    config.label_smoothing = 0.1


def _rmsprop(config: ConfigDict, args: ConfigDict, epochs: int) -> None:
    """Rate 0.045 for each 32 images, 6 % less every two epochs, RMSProp whose epsilon is 1.

    Theirs were asynchronous updates of 32 images on 20 to 50 machines. Momentum, weight decay and
    the average's are those of their code (tensorflow/models, slim).
    """
    config.steps = round(epochs * _epoch(config, args, 256))
    config.optimizer.update(
        name="rmsprop", lr=0.045 * config.batch_size / 32, epsilon=1.0, weight_decay=4e-5
    )
    config.optimizer.decay_on = "kernels"
    _fall(config, 2, epochs, 0.94)
    config.average_decay = 0.9999
    config.data.normalize = "half"


PAPERS = {
    "imagenet": _he,
    "nin": _lin,
    "googlenet": _googlenet,
    "inception_v3": _inception_v3,
    "inception_v4": _inception_resnet,
    "inception_resnet": _inception_resnet,
}
RECIPES = {"90-epochs": _ninety_epochs, "paper": _paper, "quick": _quick}
