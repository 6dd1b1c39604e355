"""Every config field once: its default, the values it may have, its unit and the reason it exists.

A recipe (`digits.py`, `cifar.py`, ...) calls `get_config()`, changes what differs and returns.
Numbers that follow from others are derived, never written twice: the learning-rate boundaries are
fractions of `steps`, so shortening a run scales its schedule.
"""

from typing import Any

from ml_collections import ConfigDict

from resinc import assignment
from resinc.errors import InputError
from resinc.fields import FLAG, TEXT, Each, Fields, Integer, KeyOf, Number, OneOf, filled
from resinc.zoo import named

# The CIFAR protocol of He et al. 2015, section 4.2, where it says anything.
FIELDS: Fields = {
    # Parameters, sample order and augmentation all follow from it; 32 bits: what a JAX key holds.
    "seed": (0, Integer(least=0, most=2**32 - 1)),
    "steps": (64_000, Integer(least=1)),  # Optimizer updates.
    "batch_size": (128, Integer(least=1)),  # Global, examples; divisible by the replica count.
    "eval_batch_size": (512, Integer(least=1)),  # Global; any size, evaluation pads and masks.
    # Of one call of the compiled function: fewer calls, the same bits, logged and saved at the same
    # steps; up to so many steps pass before a signal is heard.
    "steps_per_call": (1, Integer(least=1, most=10_000)),
    # Parts of a replica's batch, computed one after the other for the memory of one; BatchNorm
    # normalises each by itself.
    "micro_batches": (1, Integer(least=1)),
    "objective": ("classify", KeyOf("resinc.ops.loss.OBJECTIVES")),
    # Of the target, spread over all classes in training: Szegedy et al. 2015 (1512.00567), sec. 7.
    "label_smoothing": (0.0, Number(least=0, below=1)),
    # Of a moving average of the weights, per step, which is evaluated beside them; 0: none.
    "average_decay": (0.0, Number(least=0, below=1)),
    "init_extra": ("", OneOf(("", "identity"))),  # Blocks that init_from's run has not; "": refuse.
    "init_from": ("", TEXT),  # Run folder whose weights it starts from; DIR, DIR@best or DIR@STEP.
    "model.name": ("cifar", KeyOf("resinc.networks.NETWORKS")),
    "model.variant": ("", TEXT),  # A published form of the network, e.g. "v1.5"; "": its first.
    "model.block": ("residual", KeyOf("resinc.blocks.BLOCKS")),  # Where the network has blocks.
    "model.depth": (20, Integer(least=1)),  # Weighted layers, where there are several; CIFAR: 6n+2.
    "model.width": (16, Integer(least=1)),  # Channels of the stem; He: CIFAR 16, ImageNet 64.
    "model.widen": (1, Integer(least=1)),  # Factor of the stages' width: k of a wide ResNet.
    "model.groups": (1, Integer(least=1)),  # Of a bottleneck's 3x3 convolution; ResNeXt: 32.
    "model.base_width": (64, Integer(least=1)),  # Channels of a group, first stage; ResNeXt: 4.
    "model.head": ("mean", KeyOf("resinc.networks.head.HEADS")),  # "dense": no average pooling.
    "model.dropout": (-1.0, Number(least=-1, below=1)),  # Rate before the head; negative: its own.
    # What joins the residual branch to the shortcut, in the order in which it is applied.
    "model.shortcut": ("A", KeyOf("resinc.ops.shortcut.SHORTCUTS")),  # Plain blocks have none.
    "model.merge": ("add", KeyOf("resinc.ops.merge.MERGES")),
    "model.branch_scale": (1.0, Number(least=0)),  # Constant, of the branch; Inception-ResNet: own.
    "model.learned_scale": (False, FLAG),  # SkipInit, ReZero: a trained factor that starts at 0.
    "model.survival": (1.0, Number(above=0, most=1)),  # Of the last block: stochastic depth.
    "model.shortcut_scale": (1.0, Number(least=0)),  # Constant; He et al. 2016, Table 1.
    "model.gate_bias": (-6.0, Number()),  # At the start, of the gating merges; same table.
    "model.norm": ("batch", KeyOf("resinc.networks.options.NORMS")),  # "none": biases instead.
    # "circular": an image's opposite edges. Maps of 2x2 pixels are all border: only without one is
    # a gradient that fades the work of depth.
    "model.padding": ("zero", KeyOf("resinc.networks.options.PADDINGS")),
    # "he"; from "dirac" or "looks_linear" a plain network starts nearly linear.
    "model.init": ("he", KeyOf("resinc.ops.kernels.INITS")),
    "model.zero_last_norm": (False, FLAG),  # A branch's last BatchNorm scale starts at 0.
    "model.sync_batch_norm": (False, FLAG),  # Over the global batch; papers: per replica.
    "model.batch_norm_decay": (0.9, Number(least=0, below=1)),  # Of running statistics, per step.
    # Behind each of the first n stages: mean, dense (Lee et al. 2015; Szegedy et al. 2014, sec. 5).
    "model.auxiliary_heads": (0, Integer(least=0)),
    "model.auxiliary_weight": (0.3, Number(least=0)),  # Of each one's loss; 0: not trained.
    "model.scan": (True, FLAG),  # One compiled block per stage: compile time is flat in n.
    "model.remat": (False, FLAG),  # Recompute blocks in the backward pass: memory for time.
    "model.dtype": ("float32", KeyOf("resinc.networks.options.DTYPES")),  # Of activations alone.
    # Of the sum that runs through residual blocks, beside "bfloat16" activations; "": theirs.
    "model.stream_dtype": ("", OneOf(("", "float32"))),
    # Of products of float32 numbers, as JAX names it: "highest" is float32 on every device; "high"
    # and "default" are what a GPU or TPU does in less time with fewer digits.
    "model.matmul_precision": ("highest", OneOf(("highest", "high", "default"))),
    # A key of resinc.data.DATASETS, held in memory; or any name, of image files: those of a folder
    # train/CLASS/FILE in `dir`, or a set that TFDS prepared there.
    "data.name": ("digits", TEXT),
    "data.dir": ("", TEXT),  # TFDS directory; else TFDS_DATA_DIR, else ~/tensorflow_datasets.
    "data.validation_size": (-1, Integer(least=-1)),  # Held out of the training set; -1: its own.
    # Of the train/validation split; not `seed`: all seeds share it.
    "data.split_seed": (0, Integer(least=0, most=2**32 - 1)),
    # Of image files alone. Pixels of a side that the network sees; 0: those of a set in memory.
    "data.image_size": (0, Integer(least=0, most=4_096)),
    # Pixels of an image's shorter side before an evaluation's centre crop; 0: 256/224 of the crop.
    "data.shorter_side": (0, Integer(least=0, most=8_192)),
    # In training a box of 8 to 100 % of the image is seen (Szegedy et al. 2014), mirrored or not,
    # brightness, contrast and saturation each times 1 - jitter to 1 + jitter.
    "data.mirror": (True, FLAG),  # Half of the images left to right; not of letters or signs.
    "data.jitter": (0.0, Number(least=0, most=1)),  # torchvision's usual for ImageNet: 0.4.
    # Of an image that cannot be decoded: stop, or skip it, count it and report it at the end.
    "data.on_error": ("stop", KeyOf("resinc.data.image_files.faults.ON_ERROR")),
    "data.threads": (0, Integer(least=0, most=1_024)),  # That decode; 0: one for each core.
    # Batches decoded before they are asked for, each in host memory; at least `steps_per_call`.
    "data.read_ahead": (2, Integer(least=1, most=10_000)),
    "data.augment": ("none", KeyOf("resinc.data.on_device.augment.AUGMENTATIONS")),
    "data.crop_pad": (4, Integer(least=0)),  # Pixels of zeros on each side before a random crop.
    # a of the Beta(a, a) that mixes the examples of a pair; 0: off. One of the two at most.
    "data.mixup": (0.0, Number(least=0)),  # Zhang et al. 2017; theirs for ImageNet: 0.2.
    "data.cutmix": (0.0, Number(least=0)),  # Yun et al. 2019; theirs: 1.
    # "pixel_mean" or "channel": measured on the training examples; "none": pixels of 0 to 1. With
    # weights of others theirs: "imagenet", "half" (-1 to 1), "caffe", or "given" by the next two.
    "data.normalize": ("pixel_mean", KeyOf("resinc.data.on_device.normalize.NORMALIZATIONS")),
    "data.mean": ((), Each(Number())),  # Of each channel, for pixels of 0 to 1; subtracted.
    "data.std": ((), Each(Number(above=0))),  # Likewise; the difference is divided by it.
    "optimizer.name": ("momentum", KeyOf("resinc.train.replica.optimizer.OPTIMIZERS")),
    "optimizer.lr": (0.1, Number(above=0)),  # Peak learning rate.
    "optimizer.momentum": (0.9, Number(least=0, below=1)),  # Also Adam's first decay.
    "optimizer.nesterov": (False, FLAG),
    # Of the L2 penalty, added to the gradient; adamw and lamb add it to the step instead.
    "optimizer.weight_decay": (1e-4, Number(least=0)),
    # Added to what rmsprop, adam, adamw and lamb divide by; 0: their own, 1e-8, of lamb 1e-6.
    "optimizer.epsilon": (0.0, Number(least=0)),
    # Largest norm of the whole gradient, before weight decay; 0: any.
    "optimizer.clip_norm": (0.0, Number(least=0)),
    # "all" (the papers' Caffe and Torch) or "kernels"; lars and lamb rescale no others either.
    "optimizer.decay_on": ("all", KeyOf("resinc.train.replica.optimizer.DECAY_MASKS")),
    "schedule.name": ("step", KeyOf("resinc.train.replica.optimizer.SCHEDULES")),
    "schedule.steps": (0, Integer(least=0)),  # Of which a run may be the first part; 0: the run's.
    # Fractions of these steps: 32k and 48k of 64k.
    "schedule.boundaries": ((0.5, 0.75), Each(Number(least=0, most=1))),
    "schedule.factor": (0.1, Number(above=0)),  # Multiplies the rate at each boundary.
    "schedule.power": (1.0, Number(above=0)),  # Of "polynomial".
    "schedule.warmup": (0.0, Number(least=0, most=1)),  # Fraction of them below the full rate.
    # "jump": all of it at warmup_factor * lr (He et al.); "rise": from there in a line (Goyal et
    # al. 2017, 1706.02677, sec. 2.2); "": "rise" for linear and polynomial, else "jump".
    "schedule.warmup_form": ("", OneOf(("", "jump", "rise"))),
    "schedule.warmup_factor": (0.1, Number(above=0, most=1)),  # He, 110 layers: 0.01 for 0.1.
    "parallel.backend": ("pmap", KeyOf("resinc.train.distributed.parallel.BACKENDS")),
    "parallel.replicas": (0, Integer(least=0)),  # 0: one per device; "vmap" takes any number.
    # BatchNorm is per replica: a run that goes on with another number of them is another run. Its
    # bits depend on the cores of a CPU too; provenance.json says how many each start was given.
    "parallel.allow_replica_change": (False, FLAG),
    "parallel.deterministic": (True, FLAG),  # GPU kernels that give the same bits each time.
    "log_every_steps": (100, Integer(least=1)),  # Training metrics are means over this window.
    # At the first step and every window's end: norm of each array's gradient, and of each kernel's
    # update over that of its weights.
    "log_gradients": (False, FLAG),
    "probes": ((), Each(KeyOf("resinc.probes.PROBES"))),  # Measured after the last step.
    "probes_at_start": ((), Each(KeyOf("resinc.probes.PROBES"))),  # Likewise, before the first.
    # Validation and test error; 0: at the end only, with the training error; -1: not even there.
    "eval_every_steps": (1_000, Integer(least=-1)),
    "checkpoint_every_steps": (1_000, Integer(least=0)),  # Also at every evaluation and at the end.
    "checkpoints_to_keep": (2, Integer(least=1)),  # Newest; the best on validation is kept besides.
}

# Of a recipe, and also what a named network fixes.
MODEL_ARGUMENTS = {"depth", "block"}


def get_config(arg: str | None = None) -> ConfigDict:
    """The schema, filled with its defaults, and with a network of resinc.zoo where one is named."""
    config = filled(FIELDS)
    use_network(config, parse_arg(arg, network="").network)
    return config


def use_network(config: ConfigDict, name: str) -> None:
    """Put the fields of a named network of resinc.zoo into `config.model`; "" changes nothing.

    Raises:
      InputError: no network has that name.
    """
    if name:
        config.model.update(named(name).model)


def parse_arg(arg: str | None, **defaults: Any) -> ConfigDict:
    """Read what follows the colon in `--config=configs/cifar.py:depth=56,block=plain`.

    Args:
      arg: comma-separated `name=value`, or nothing.
      **defaults: every name that the recipe takes; a value is converted to its default's type.

    Raises:
      InputError: an unknown name, a missing `=`, a value of another type, or a depth or block that
        contradicts the network named beside it.
    """
    given = dict(
        assignment.read(item, defaults, "config argument", "this recipe")
        for item in filter(None, (arg or "").split(","))
    )
    if network := given.get("network"):
        own = named(network).model
        for name in MODEL_ARGUMENTS & given.keys():
            if given[name] != own.get(name):
                raise InputError(
                    f"{name}={given[name]} contradicts network={network}, which sets its own "
                    f"{name}: give one of the two"
                )
    return ConfigDict(defaults | given)
