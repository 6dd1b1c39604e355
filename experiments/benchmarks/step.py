"""A training step against PyTorch (channels last, eager), plain Flax and Keras on JAX."""

from typing import Any

from experiments.benchmarks.harness import Results

# Case -> recipe and what it changes; batches are those of the recipes.
CASES: dict[str, dict[str, Any]] = {
    "resnet-20": {"recipe": "configs/cifar.py:depth=20"},
    "resnet-56": {"recipe": "configs/cifar.py:depth=56"},
    "inception-20": {"recipe": "configs/cifar.py:network=inception-20"},
    # With BatchNorm, and as wide as the experiments have it.
    "nin": {"recipe": "configs/cifar.py:network=nin", "model.norm": "batch", "model.width": 80},
    # 64 pixels and 32 images, as SIGNS has them.
    "googlenet-bn": {"recipe": "configs/signs.py:network=googlenet-bn"},
    "signs-resnet-50": {"recipe": "configs/signs.py:recipe=taught"},
}
IN_JAX = ("resnet-20", "resnet-56")  # What the twins in Flax and Keras build.
SMALL = {"tiny": {"recipe": "configs/cifar.py:depth=8", "batch_size": 2, "model.width": 4}}


def run(results: Results, quick: bool = False, evaluating: bool = False) -> None:
    for case, work in (SMALL if quick else CASES).items():
        for cores in (1,) if quick else (1, 2):
            sides = {"ours": work | {"module": "ours"}, "pytorch": work | {"module": "torch_twin"}}
            if case in IN_JAX or quick:
                sides["flax"] = work | {"module": "flax_twin"}
                sides["keras"] = work | {"module": "keras_twin"}
            if cores > 1 and not evaluating:
                # Half of the batch on each, statistics of BatchNorm over all of it.
                sides["a device per core"] = sides["ours"] | {
                    "environment": {"JAX_NUM_CPU_DEVICES": str(cores)},
                    "parallel.replicas": cores,
                    "model.sync_batch_norm": True,
                }
            if case == "resnet-20" and not evaluating:
                sides["pytorch compiled"] = sides["pytorch"] | {"compiled": "default"}
            if evaluating:
                sides = {side: what | {"evaluating": True} for side, what in sides.items()}
            results.compare(sides, cores, turns=2 if quick else 7, case=case)
