"""Depth on scikit-learn's digits: 1,797 real 8x8 images, no download, minutes on a CPU.

resinc train --config=configs/digits.py:depth=56,block=residual --workdir=runs/digits-56
"""

from ml_collections import ConfigDict

from configs import base


def get_config(arg: str | None = None) -> ConfigDict:
    args = base.parse_arg(arg, depth=20, block="residual", network="")
    config = base.get_config()
    config.steps = 120  # 12 epochs of 10 batches.
    config.model.depth = args.depth
    config.model.block = args.block
    base.use_network(config, args.network)
    config.data.name = "digits"
    # At the full rate from the first step, residual-56 still had 15 % training error at step 160;
    # with the paper's warm-up for deep networks it has none. All depths get it, to stay comparable.
    config.schedule.warmup = 0.125
    config.log_every_steps = 10
    config.eval_every_steps = 20
    config.checkpoint_every_steps = 60
    return config
