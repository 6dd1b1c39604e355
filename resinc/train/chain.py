"""The run of `resinc measure`: a chain of layers is measured, nothing is trained."""

import time
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from resinc import config as config_file
from resinc.cost.chain import Chain, Layer, Shape, parse, shapes
from resinc.cost.count import network_cost
from resinc.cost.measure import measure
from resinc.runs.config import check_config, write_config
from resinc.runs.lock import held
from resinc.runs.measurements import read_measurements, write_measurements
from resinc.runs.provenance import read_origin, write_origin
from resinc.runs.status import read_status, write_status
from resinc.train.recording import provenance


def run_chain(config: ConfigDict, folder: Path) -> dict[str, Any]:
    """Write what `cost.measure.measure` finds into a folder like that of a training run.

    One that is done is left as it is.

    Args:
      config: a filled `configs.chain` schema.
      folder: workdir; created if need be.

    Returns:
      The content of measurements.json.

    Raises:
      InputError: the config or the folder cannot be used; nothing was changed.
    """
    layers, reference, image = check(config)
    with held(folder):
        check_config(folder, config_file.to_dict(config))
        if read_status(folder).get("state") == "done":
            return read_measurements(folder)
        write_config(folder, config)
        begun = time.monotonic()

        def status(state: str, step: int, message: str = "") -> None:
            write_status(folder, state, step, 1, time.monotonic() - begun, message)

        status("running", 0)
        try:
            cost = network_cost(Chain(layers), image)
            drawn = {"name": "normal random numbers", "checksum": f"drawn from seed {config.seed}"}
            before = read_origin(folder)
            origin = provenance.collect(drawn, 1, cost.parameters, cost.multiply_adds, before)
            write_origin(folder, origin)
            found = measure(layers, reference, cost, config)
            write_measurements(folder, found)
            status("done", 1)
        except BaseException as error:
            status("failed", 0, f"{type(error).__name__}: {error}")
            raise
        return found


def check(config: ConfigDict) -> tuple[tuple[Layer, ...], tuple[Layer, ...], Shape]:
    """(layers, reference layers, input shape) of a config; nothing is compiled.

    Raises:
      InputError: a field out of its range; says which, its value and the rule.
    """
    config_file.check(config, recipe="chain.py")
    layers = parse(config.layers)
    reference = parse(config.reference) if config.reference else ()
    for chain in (layers, reference):
        shapes(chain, config.input)
    return layers, reference, config.input
