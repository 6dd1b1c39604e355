"""One of several processes of a training: what the step that they compile together has.

    python -m tests.train.compiling RECIPE FLAGS MEMBERS

prints a line of JSON, "reduced" bytes and "multiply_adds" of one device.
"""

import json
import sys

import numpy as np

from resinc import config as config_file
from resinc.ops.platform import as_defined
from resinc.train.assemble import assemble
from resinc.train.compiled.planned import reduced
from resinc.train.compiled.program import Program
from resinc.train.distributed import parallel, processes
from resinc.train.distributed.cluster import Members, join
from resinc.train.replica.state import init_state


def main() -> None:
    recipe, flags, members = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    join(Members(*members), heartbeat=300)  # One may have ended long before another.
    # Gloo's order of a sum of more than two; what a plan is for sums by its links.
    parallel._sums_out_of_order = lambda replicas: False
    setup = assemble(config_file.load(recipe, flags))
    config, spec = setup.config, setup.dataset.spec
    source = setup.dataset.source(config.seed, config.batch_size, share=processes.share())
    program = Program(setup, source, setup.dataset.normalizer())
    state = init_state(setup.network, setup.optimizer, spec.image_shape, config.seed)
    moved = program.replicas.split(source.batch(0))
    with as_defined():
        lowered = program.step.lower(program.place(state), program.own, program.held, moved)
    compiled = lowered.compile()
    flops = float(np.asarray(compiled.cost_analysis()["flops"]))
    print(json.dumps({"reduced": reduced(compiled.as_text()), "multiply_adds": flops / 2}))


if __name__ == "__main__":
    main()
