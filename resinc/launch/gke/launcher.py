"""Run jobs as JobSets in a Kubernetes cluster on GKE, by kubectl.

A JobSet is named after the run's folder and the attempt, so that a cluster which has it takes no
second one, whoever submits it. One that is stopped or loses its host saves, and the cluster starts
it anew: see `jobset`.
"""

import hashlib
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resinc.errors import InputError
from resinc.file_paths import writing
from resinc.launch.gke import kubectl
from resinc.launch.gke.jobset import SWEEP, Name, Work, manifest
from resinc.launch.gke.kubectl import NAME
from resinc.launch.launcher import Job, Listener, Request
from resinc.launch.queue.queued import Followed, Key, Place, Queued, mark
from resinc.runs.queue import Ticket, read_ticket

FOLDER = ".gke"  # In the sweep's: the lock of who submits.


class Gke(Queued):
    """A cluster that has JobSet; each cell is one, on one or several hosts."""

    scheduler = NAME

    def __init__(self, request: Request):
        """Check that the cluster would take such a cell.

        Raises:
          InputError: kubectl is missing, or the request is refused, by us or by the cluster.
        """
        if request.devices is not None:
            raise InputError(
                f"--devices={','.join(request.devices)} are of this machine: GKE gives a cell its "
                "own, --accelerator says which"
            )
        queue = request.queue
        if queue.time or queue.partition or queue.options:
            raise InputError("--time, --partition and --sbatch are of --launcher=slurm")
        queue.pods.check(request.root, queue.nodes, queue.gpus)
        self.processes = queue.pods.hosts(queue.nodes)
        super().__init__(request.root / FOLDER, request.workers)
        self.most = self.workers
        self._queue, self._pods = queue, queue.pods
        self._root = request.root
        self._sweep = self._hashed(request.root)
        if self._pods.manifests:
            return
        if not shutil.which("kubectl"):
            raise InputError(
                "--launcher=gke needs kubectl, which is not here: install it, or give "
                "--manifests=FOLDER and apply them elsewhere"
            )
        trial = Name(self._sweep, f"resinc-{self._sweep}", 0)
        nothing = Work(["--version"], request.root, request.root, [])
        kubectl.apply([manifest(trial, nothing, queue)], "--dry-run=server")

    def submit(self, jobs: Sequence[Job], listener: Listener) -> signal.Signals | None:
        """See `Launcher.submit`; with a folder for manifests, write those instead."""
        if self._pods.manifests:
            self._write(jobs, listener)
            return None
        return super().submit(jobs, listener)

    def _write(self, jobs: Sequence[Job], listener: Listener) -> None:
        import yaml

        folder = Path(self._pods.manifests)
        written = 0
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for job in jobs:
                if listener.ready(job) and listener.admit(job):
                    text = yaml.safe_dump(self._manifest(job, 1), sort_keys=False)
                    (folder / f"{job.name}.yaml").write_text(text, encoding="utf-8")
                    written += 1
        count = "1 manifest" if written == 1 else f"{written} manifests"
        print(f"resinc: {count} in {folder}: `kubectl apply -f {folder}` starts them")

    def _read(self) -> Mapping[Key, Place]:
        return kubectl.read_queue(self._pods.namespace, f"{SWEEP}={self._sweep}")

    def _find(self, job: Job, queue: Mapping[Key, Place]) -> Key | None:
        """By its name too: somebody may have applied its manifest by hand."""
        key = super()._find(job, queue)
        if key is None and not any(read_ticket(folder) for folder in job.runs()):
            cell = self._cell(job)
            key = next((key for key in queue if key[0] == cell), None)
            if key:
                mark(job, Ticket(NAME, *key, queue[key].job))
        return key

    def _submit(self, jobs: Sequence[Job]) -> dict[Key, Followed]:
        known = kubectl.read_jobsets(self._pods.namespace, f"{SWEEP}={self._sweep}")
        followed, manifests = dict[Key, Followed](), []
        for job in jobs:
            cell = self._cell(job)
            attempt = 1 + max((k.attempt for k in known if k.cell == cell), default=0)
            made = self._manifest(job, attempt)
            place = kubectl.full_name(made["metadata"]["name"], self._pods.namespace)
            mark(job, Ticket(NAME, cell, attempt, place))
            followed[cell, attempt] = Followed(job, place)
            manifests.append(made)
        try:
            kubectl.apply(manifests)
        except InputError:
            taken = self._read()
            for key, each in followed.items():
                if key not in taken:
                    mark(each.job, None)
            raise
        return followed

    def _read_end(self, number: str) -> int | None:
        namespace, _, name = number.rpartition("/")
        try:
            known = {k.name: k.state for k in kubectl.read_jobsets(namespace)}
            if known.get(name) == "COMPLETED":
                return 0
            return kubectl.read_end(name, namespace) if name in known else None
        except InputError:
            return None

    def _last_output(self, number: str) -> str:
        namespace, _, name = number.rpartition("/")
        return kubectl.last_output(name, namespace)

    def _cancel(self, numbers: Sequence[str]) -> str:
        place = f" --namespace={self._pods.namespace}" if self._pods.namespace else ""
        return f"kubectl delete jobset{place} --selector={SWEEP}={self._sweep}"

    def _manifest(self, job: Job, attempt: int) -> dict[str, Any]:
        command = list(job.command())
        # Python of this machine is not that of the image.
        arguments = command[1:] if command[0] == sys.executable else command
        name = Name(self._sweep, self._cell(job), attempt)
        return manifest(name, Work(arguments, self._root, job.workdir, job.runs()), self._queue)

    def _cell(self, job: Job) -> str:
        return f"resinc-{self._hashed(job.workdir)}"

    def _hashed(self, folder: Path) -> str:
        """Names of Kubernetes are short; a folder is one of a volume."""
        return hashlib.sha256(f"{self._pods.volume}\n{folder}".encode()).hexdigest()[:12]
