"""What kubectl says of JobSets, and what it is given: one thin call, as a person would type it."""

import functools
import json
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from resinc.errors import InputError
from resinc.launch.jobset import ATTEMPT, CELL, CONTAINER
from resinc.runs.queue import Ticket

NAME = "Kubernetes"
ANSWER_SECONDS = 60
RECENT_SECONDS = 10.0
ENDED = {"Completed": "COMPLETED", "Failed": "FAILED"}  # Condition of a JobSet -> its state here.
POD_LABEL = "jobset.sigs.k8s.io/jobset-name"
LOG_LINES = 20


class Known(NamedTuple):
    """A JobSet that the cluster has.

    Attributes:
      name: of the JobSet.
      cell: see `jobset.Name`.
      attempt: likewise.
      state: PENDING, RUNNING, COMPLETED or FAILED.
    """

    name: str
    cell: str
    attempt: int
    state: str

    @property
    def ended(self) -> bool:
        return self.state in ENDED.values()


def call(*arguments: str, namespace: str = "", given: str = "") -> str:
    """What kubectl prints, with `given` on its standard input.

    Raises:
      InputError: it failed, or did not answer; quotes what it says.
    """
    place = [f"--namespace={namespace}"] if namespace else []
    try:
        ran = subprocess.run(
            ["kubectl", *arguments, *place],
            input=given,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"kubectl does not answer: {error}") from None
    if ran.returncode:
        lines = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
        raise InputError(f"kubectl refuses: {lines[-1] if lines else 'it does not say why'}")
    return ran.stdout


def apply(manifests: Sequence[Mapping[str, Any]], *options: str) -> None:
    """Hand manifests over; one that the cluster has already stays as it is.

    Raises:
      InputError: the cluster refuses one; others may have been taken.
    """
    whole = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    call("apply", *options, "--filename=-", given=json.dumps(whole))


def read_jobsets(namespace: str, selector: str = CELL) -> list[Known]:
    """Those of resinc, the ended ones too.

    Raises:
      InputError: the cluster does not answer.
    """
    asked = "get", "jobsets.jobset.x-k8s.io", f"--selector={selector}", "--output=json"
    return parse_jobsets(call(*asked, namespace=namespace))


def parse_jobsets(text: str) -> list[Known]:
    """What `kubectl get jobsets --output=json` prints."""
    found = []
    for item in json.loads(text)["items"]:
        labels, status = item["metadata"].get("labels", {}), item.get("status", {})
        true = {c["type"] for c in status.get("conditions", []) if c.get("status") == "True"}
        ready = any(job.get("ready") for job in status.get("replicatedJobsStatus", []))
        state = next((word for kind, word in ENDED.items() if kind in true), "")
        if CELL in labels and labels.get(ATTEMPT, "").isdecimal():
            state = state or ("RUNNING" if ready else "PENDING")
            name = item["metadata"]["name"]
            found.append(Known(name, labels[CELL], int(labels[ATTEMPT]), state))
    return found


def is_absent(ticket: Ticket) -> bool:
    """Whether a cell that was submitted is known to wait and run no longer."""
    if ticket.scheduler != NAME or not ticket.job:
        return False
    namespace = ticket.job.rpartition("/")[0]
    known = _recent_jobsets(int(time.monotonic() / RECENT_SECONDS), namespace)
    key = ticket.batch, ticket.place
    return known is not None and key not in {(k.cell, k.attempt) for k in known if not k.ended}


@functools.lru_cache(maxsize=4)
def _recent_jobsets(period: int, namespace: str) -> list[Known] | None:
    """None where nobody answers; asked once in a period, however often it is looked at."""
    try:
        return read_jobsets(namespace)
    except InputError:
        return None


def read_end(name: str, namespace: str) -> int | None:
    """Exit status of the pods of a JobSet that failed, or minus the signal that killed one; None
    where no pod is left that tells.

    Raises:
      InputError: the cluster does not answer.
    """
    selector = f"--selector={POD_LABEL}={name}"
    return parse_end(call("get", "pods", selector, "--output=json", namespace=namespace))


def parse_end(text: str) -> int | None:
    """What `kubectl get pods --output=json` prints; of several ends the first that is no 0."""
    ends = []
    for pod in json.loads(text)["items"]:
        for container in pod.get("status", {}).get("containerStatuses", []):
            end = container.get("state", {}).get("terminated")
            if container.get("name") == CONTAINER and end and end.get("exitCode"):
                ends.append((end.get("finishedAt", ""), end))
    if not ends:
        return None
    end = min(ends, key=lambda at: at[0])[1]
    if end.get("reason") == "OOMKilled":
        return -signal.SIGKILL
    code = int(end["exitCode"])
    # A shell's word for a signal, save where our own process said so after it had saved.
    return 128 - code if code in (128 + signal.SIGKILL, 128 + signal.SIGSEGV) else code


def last_output(name: str, namespace: str) -> str:
    """Of the pods of a JobSet; "" where they said nothing or are gone."""
    wanted = f"--selector={POD_LABEL}={name}", f"--container={CONTAINER}", f"--tail={LOG_LINES}"
    try:
        return call("logs", *wanted, namespace=namespace)
    except InputError:
        return ""
