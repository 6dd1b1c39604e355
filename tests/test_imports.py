"""Imports go one way, heavy packages stay out of light ones, and collectives stay in one file."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LEAVES = {"resinc.errors", "resinc.file_paths", "resinc.registry"}
SCHEMA = LEAVES | {"resinc.assignment", "resinc.fields"}
EVERYWHERE = SCHEMA | {"resinc.config", "resinc.duration", "resinc.output", "resinc.zoo"}
EVERYWHERE |= {"resinc.cache", "resinc.cores", "resinc.malloc", "resinc.stop_signals"}
EVERYWHERE |= {"resinc.exit_status"}
# Beside itself, what a folder or top-level module of resinc may import from resinc. `resinc` alone
# is the package with its version.
ALLOWED = {
    "__init__": {"resinc.xla"},
    "duration": set(),
    "output": set(),
    "stop_signals": set(),
    "errors": set(),
    "exit_status": {"resinc.errors", "resinc.output"},
    "cores": set(),
    "malloc": set(),
    "cache": {"resinc.cores"},
    "xla": {"resinc.cache", "resinc.cores", "resinc.errors"},
    "file_paths": {"resinc.errors"},
    "registry": {"resinc.errors"},
    "assignment": LEAVES,
    "fields": LEAVES,
    "config": SCHEMA,
    "zoo": LEAVES,
    "ops": LEAVES,
    "blocks": LEAVES | {"resinc.ops"},
    "networks": EVERYWHERE | {"resinc.blocks", "resinc.ops"},
    "weights": EVERYWHERE | {"resinc.networks", "resinc.runs.folder"},
    "data": EVERYWHERE,
    "cost": EVERYWHERE | {"resinc.networks", "resinc.ops"},
    "probes": EVERYWHERE | {"resinc.blocks", "resinc.networks", "resinc.ops"},
    "runs": LEAVES | {"resinc", "resinc.config"},
    "report": EVERYWHERE | {"resinc.runs"},
    "train": EVERYWHERE
    | {"resinc", "resinc.networks", "resinc.data", "resinc.cost"}
    | {"resinc.ops.loss", "resinc.ops.platform"}
    | {"resinc.weights", "resinc.probes", "resinc.runs", "resinc.xla"},
    "launch": EVERYWHERE | {"resinc", "resinc.train", "resinc.report", "resinc.runs"},
    # It calls every folder that has a subcommand.
    "cli": EVERYWHERE
    | {"resinc", "resinc.cost", "resinc.data", "resinc.launch", "resinc.networks"}
    | {"resinc.report", "resinc.runs", "resinc.train", "resinc.xla"},
    "__main__": {"resinc.cli"},
}
OUTSIDE = {
    "configs": SCHEMA | {"resinc.zoo"},  # Names and numbers: a recipe stays free of JAX.
    "experiments": EVERYWHERE
    | {"configs", "resinc.cost", "resinc.launch", "resinc.report", "resinc.runs"}
    | {"resinc.networks"},
}
ALL = {f"resinc.{name}" for name in ALLOWED}
OWN = ("resinc", "configs", "experiments")
COLLECTIVES = {"pmap", "shard_map", "pmean", "psum", "Mesh", "make_mesh"}
COLLECTIVES_FILE = Path("resinc/train/distributed/parallel.py")
# BatchNorm over all replicas is an average over them in the middle of a network.
COLLECTIVES_ELSEWHERE = {Path("resinc/ops/norm.py"): {"pmean"}}


def sources(root):
    return sorted(path for name in OWN for path in (root / name).rglob("*.py"))


def is_module(root, name):
    path = root.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported(root, path):
    """(line, module) of every import of our own packages, those inside functions too."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            # `from resinc import data` imports a module, `from resinc.data import load` does not.
            names = [
                f"{base}.{alias.name}" if is_module(root, f"{base}.{alias.name}") else base
                for alias in node.names
            ]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] in OWN)


def within(name, allowed):
    return any(
        name == entry or (entry != "resinc" and name.startswith(f"{entry}.")) for entry in allowed
    )


def import_violations(root):
    found = []
    for path in sources(root):
        relative = path.relative_to(root)
        top, *rest = relative.with_suffix("").parts
        if top == "resinc":
            if rest[0] not in ALLOWED:
                found.append(f"{relative}: {rest[0]!r} has no row in the table of imports")
                continue
            allowed = ALLOWED[rest[0]] | {f"resinc.{rest[0]}"}
        else:
            # A benchmark may time any part of the code.
            timing = rest[0] == "benchmarks"
            allowed = (set(ALL) if timing else OUTSIDE[top]) | {top}
        found += [
            f"{relative}:{line} imports {name}"
            for line, name in imported(root, path)
            if not within(name, allowed)
        ]
    return found


def identifiers(path):
    """(line, name) of every name, attribute and imported name in the code; not of text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            parts = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from ((node.lineno, name) for part in parts for name in part.split("."))


def collective_violations(root):
    return [
        f"{path.relative_to(root)}:{line} names {name}"
        for path in sources(root)
        if path.relative_to(root) != COLLECTIVES_FILE
        for line, name in identifiers(path)
        if name in COLLECTIVES - COLLECTIVES_ELSEWHERE.get(path.relative_to(root), set())
    ]


def test_imports_go_one_way():
    assert len(sources(ROOT)) > 20
    assert import_violations(ROOT) == []


def test_only_parallel_names_collectives():
    assert collective_violations(ROOT) == []
    names = {name for _, name in identifiers(ROOT / COLLECTIVES_FILE)}
    assert {"pmap", "shard_map", "psum"} <= names


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("resinc/ops/conv.py", "import resinc.blocks.plain", "imports resinc.blocks.plain"),
        ("resinc/ops/conv.py", "from resinc import config", "imports resinc.config"),
        ("resinc/blocks/plain.py", "from resinc.networks import build", "imports resinc.networks"),
        ("resinc/blocks/plain.py", "from ..networks import build", "imports resinc.networks"),
        ("resinc/blocks/plain.py", "from .. import networks", "imports resinc.networks"),
        ("resinc/cost/a.py", "from resinc.probes import PROBES", "imports resinc.probes"),
        ("resinc/train/loop.py", "from resinc.ops.conv import conv2d", "imports resinc.ops.conv"),
        ("resinc/train/loop.py", "def f():\n    import configs.cifar", "imports configs.cifar"),
        ("resinc/report/page.py", "import experiments", "imports experiments"),
        ("resinc/report/page.py", "import resinc", "imports resinc"),
        ("resinc/runs/lock.py", "from resinc.train import loop", "imports resinc.train.loop"),
        ("resinc/runs/lock.py", "import resinc.report", "imports resinc.report"),
        ("resinc/utils/a.py", "import os", "'utils' has no row"),
        ("configs/base.py", "from resinc.networks import build", "imports resinc.networks"),
        (
            "experiments/degradation.py",
            "from resinc.train import loop",
            "imports resinc.train.loop",
        ),
    ],
)
def test_planted_import_is_found(tmp_path, file, line, message):
    for known in ("resinc/networks/__init__.py", "resinc/config.py", "resinc/train/loop.py"):
        (tmp_path / known).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / known).write_text('"""Empty."""\n')
    assert import_violations(tmp_path) == []
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(f"{line}\n")
    (violation,) = import_violations(tmp_path)
    assert violation.startswith(file)
    assert violation.endswith(message) or message in violation.partition(": ")[2]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("jax.pmap(f)", "pmap"),
        ("from jax.experimental.shard_map import shard_map as s", "shard_map"),
        ("import jax.experimental.shard_map", "shard_map"),
        ("lax.pmean(x, 'r')", "pmean"),
        ("from jax.lax import psum", "psum"),
        ("from jax.sharding import Mesh as M", "Mesh"),
    ],
)
def test_planted_collective_is_found(tmp_path, line, name):
    (tmp_path / "resinc/train/distributed").mkdir(parents=True)
    (tmp_path / COLLECTIVES_FILE).write_text("jax.pmap(f)\n")
    (tmp_path / "resinc/train/step.py").write_text('"""Runs under pmap and psum."""\n')
    assert collective_violations(tmp_path) == []
    (tmp_path / "resinc/train/step.py").write_text(f"{line}\n")
    assert f"resinc/train/step.py:1 names {name}" in collective_violations(tmp_path)


def modules_of(*folders):
    files = [
        path
        for folder in folders
        for path in ([ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py"))
    ]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return sorted(name.removesuffix(".__init__") for name in names)


def loaded_by(modules):
    """Top-level packages that a fresh interpreter holds after importing `modules`."""
    code = (
        f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


JAX = {"jax", "jaxlib", "flax", "optax", "orbax"}
# absl is no use here: flax itself imports it.
HEAVY = {"tensorflow", "tensorflow_datasets", "array_record", "orbax", "ml_collections", "sklearn"}


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (["resinc.errors", "resinc.registry", "resinc.config", *modules_of("configs")], JAX),
        (modules_of("resinc/runs"), JAX | HEAVY - {"ml_collections"}),
        (modules_of("resinc/report"), JAX),
        # Imported when a subcommand needs them, so that --help answers at once.
        (["resinc.cli"], JAX | HEAVY | {"matplotlib", "numpy"}),
        (modules_of("resinc/launch"), JAX | HEAVY - {"ml_collections"} | {"matplotlib"}),
        # Sweeps and their status draw no figure; an experiment's report alone does.
        (["experiments.degradation", "experiments.questions"], JAX | {"matplotlib"}),
        (["resinc.blocks"], HEAVY | {"matplotlib"}),
        (modules_of("resinc/networks", "resinc/cost"), HEAVY | {"matplotlib"}),
    ],
    ids=["configs", "runs", "report", "cli", "launch", "experiments", "blocks", "networks"],
)
def test_light_modules_load_no_heavy_package(modules, absent):
    loaded = loaded_by(modules)
    assert {module.split(".")[0] for module in modules} <= loaded
    assert loaded & absent == set()


def test_loaded_package_is_seen():
    loaded = loaded_by(["resinc.blocks", "resinc.train.checkpoints.checkpoint"])
    assert loaded >= {"jax", "flax", "orbax"}


def test_a_run_imports_no_pytorch(tmp_path):
    """tensorboardX would, where it is installed: 1.5 s of every start."""
    code = f"""
import sys
from pathlib import Path
from resinc.train.recording.writer import MetricsWriter
MetricsWriter(Path({str(tmp_path)!r}), 0).close()
sys.exit("imported" if "torch" in sys.modules else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
