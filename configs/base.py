"""Every config field once, with its default, its unit and the reason it exists.

A recipe (`digits.py`, `cifar.py`, ...) calls `get_config()`, changes what differs and returns.
Numbers that follow from others are derived, never written twice: the learning-rate boundaries are
fractions of `steps`, so shortening a run scales its schedule.
"""

import difflib
from typing import Any

from ml_collections import ConfigDict

from resinc.zoo import named


def get_config(arg: str | None = None) -> ConfigDict:
    """The schema, filled with the CIFAR protocol of He et al. 2015, section 4.2."""
    config = ConfigDict()
    config.seed = 0  # Parameters, sample order and augmentation all follow from it.
    config.steps = 64_000  # Optimizer updates.
    config.batch_size = 128  # Global batch in examples; divisible by the replica count.
    config.eval_batch_size = 512  # Global; any size, evaluation pads and masks.
    config.objective = "classify"  # A key of resinc.ops.loss.OBJECTIVES.

    config.init_extra = ""  # Blocks that run has not: refused, or "identity" (He et al. 2015, 1).
    config.init_from = ""  # Run folder whose weights it starts from; DIR, DIR@best or DIR@STEP.

    config.model = ConfigDict()
    config.model.name = "cifar"  # A key of resinc.networks.NETWORKS.
    config.model.variant = ""  # A published form of the network, e.g. "v1.5"; "": its first.
    config.model.block = "residual"  # A key of resinc.blocks.BLOCKS, where the network has blocks.
    config.model.depth = 20  # Weighted layers, where a network has several; 6n+2 for CIFAR.
    config.model.width = 16  # Channels of the stem; He et al.: 16 for CIFAR, 64 for ImageNet.
    config.model.widen = 1  # Factor of the stages' width: k of a wide ResNet.
    config.model.groups = 1  # Of a bottleneck's 3x3 convolution; ResNeXt: 32.
    config.model.base_width = 64  # Channels of such a group in the first stage; ResNeXt: 4.
    config.model.head = "mean"  # Or "dense": fully connected instead of global average pooling.
    config.model.dropout = -1.0  # Rate before the head; negative: the network's own.
    # What joins the residual branch to the shortcut, in the order in which it is applied.
    config.model.shortcut = "A"  # A key of resinc.ops.shortcut.SHORTCUTS; ignored by plain blocks.
    config.model.merge = "add"  # A key of resinc.ops.merge.MERGES.
    config.model.branch_scale = 1.0  # Constant factor of the branch; Inception-ResNet: own.
    config.model.learned_scale = False  # SkipInit, ReZero: a trained factor that starts at 0.
    config.model.survival = 1.0  # Of the last block, for stochastic depth; 1: no block is dropped.
    config.model.shortcut_scale = 1.0  # Constant factor of the shortcut; He et al. 2016, Table 1.
    config.model.gate_bias = -6.0  # At the start, of the gating merges; same table.
    config.model.norm = "batch"  # Or "none": every convolution then has a bias instead.
    # Around an image: "zero", or "circular", its opposite edges. Maps of 2x2 pixels are all border:
    # only without one is a gradient that fades the work of depth.
    config.model.padding = "zero"
    # A key of resinc.ops.kernels.INITS: "he"; from "dirac" or "looks_linear" a plain network starts
    # nearly linear.
    config.model.init = "he"
    config.model.zero_last_norm = False  # A branch's last BatchNorm scale starts at 0.
    config.model.sync_batch_norm = False  # Normalise over the global batch; papers: per replica.
    config.model.batch_norm_decay = 0.9  # Of the running statistics, per step.
    # Behind each of the first n stages: mean, dense (Lee et al. 2015; Szegedy et al. 2014, sec. 5).
    config.model.auxiliary_heads = 0
    config.model.auxiliary_weight = 0.3  # Of each auxiliary classifier's loss; 0: not trained.
    config.model.scan = True  # One compiled block per stage instead of n: compile time flat in n.
    config.model.remat = False  # Recompute each block in the backward pass: memory for time.
    config.model.dtype = "float32"  # Of activations ("bfloat16" too); parameters stay float32.

    config.data = ConfigDict()
    config.data.name = "digits"  # A key of resinc.data.DATASETS.
    config.data.dir = ""  # TFDS directory; else TFDS_DATA_DIR, else ~/tensorflow_datasets.
    config.data.validation_size = -1  # Examples held out of the training set; -1: the set's own.
    config.data.split_seed = 0  # Of the train/validation split; not `seed`: all seeds share it.
    config.data.augment = "none"  # "none", "crop" or "crop_flip".
    config.data.crop_pad = 4  # Pixels of zero padding on each side before the random crop.
    # "pixel_mean" or "channel": measured on the training examples; "none": pixels of 0 to 1. With
    # weights of others theirs: "imagenet", "half" (-1 to 1), "caffe", or "given" by the next two.
    config.data.normalize = "pixel_mean"
    config.data.mean = ()  # Of each channel, for pixels of 0 to 1; subtracted.
    config.data.std = ()  # Of each channel, likewise; the difference is divided by it.

    config.optimizer = ConfigDict()
    config.optimizer.name = "momentum"  # A key of resinc.train.optimizer.OPTIMIZERS.
    config.optimizer.lr = 0.1  # Peak learning rate.
    config.optimizer.momentum = 0.9  # Also Adam's first decay.
    config.optimizer.nesterov = False
    config.optimizer.weight_decay = 1e-4  # Of the L2 penalty, added to the gradient.
    config.optimizer.decay_on = "all"  # "all" (the papers' Caffe and Torch) or "kernels".

    config.schedule = ConfigDict()
    config.schedule.name = "step"  # A key of resinc.train.optimizer.SCHEDULES.
    config.schedule.boundaries = (0.5, 0.75)  # Fractions of `steps`: 32k and 48k of 64k.
    config.schedule.factor = 0.1  # Multiplies the rate at each boundary.
    config.schedule.warmup = (
        0.0  # Fraction of `steps` at warmup_factor * lr; "linear" rises from it.
    )
    config.schedule.warmup_factor = 0.1  # He et al.: 0.01 instead of 0.1 for the 110-layer net.

    config.parallel = ConfigDict()
    config.parallel.backend = "pmap"  # A key of resinc.train.parallel.BACKENDS.
    config.parallel.replicas = 0  # 0: one per device; the "vmap" backend takes any number.
    config.parallel.deterministic = True  # GPU kernels that give the same bits each time.

    config.log_every_steps = 100  # Training metrics are means over this window.
    # At the first step and every window's end: norm of each array's gradient, and of each kernel's
    # update over that of its weights.
    config.log_gradients = False
    config.probes = ()  # Keys of resinc.probes.PROBES, measured after the last step.
    config.probes_at_start = ()  # Likewise, before the first.
    config.eval_every_steps = 1_000  # Validation and test error; 0: at the end only.
    config.checkpoint_every_steps = 1_000  # Also at every evaluation and at the end.
    config.checkpoints_to_keep = 2  # Newest; the best on validation is kept besides.
    use_network(config, parse_arg(arg, network="").network)
    return config


def use_network(config: ConfigDict, name: str) -> None:
    """Put the fields of a named network of resinc.zoo into `config.model`; "" changes nothing.

    Raises:
      ValueError: no network has that name.
    """
    if name:
        config.model.update(named(name).model)


def parse_arg(arg: str | None, **defaults: Any) -> ConfigDict:
    """Read what follows the colon in `--config=configs/cifar.py:depth=56,block=plain`.

    Args:
      arg: comma-separated `name=value`, or nothing.
      **defaults: every name that the recipe takes; a value is converted to its default's type.

    Raises:
      ValueError: an unknown name, a missing `=`, or a value of another type.
    """
    values = dict(defaults)
    for item in filter(None, (arg or "").split(",")):
        name, equals, text = item.partition("=")
        if name not in defaults or not equals:
            near = difflib.get_close_matches(name, defaults, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(
                f"config argument {item!r} is not name=value with a name this recipe takes{hint}: "
                f"{', '.join(defaults)}"
            )
        kind = type(defaults[name])
        try:
            values[name] = (
                {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
            )
        except (ValueError, KeyError):
            raise ValueError(
                f"config argument {item!r}: {text!r} is not of type {kind.__name__}"
            ) from None
    return ConfigDict(values)
