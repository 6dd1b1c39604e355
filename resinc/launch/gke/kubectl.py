"""What kubectl says of JobSets, and what it is given: one thin call, as a person would type it."""

import json
import signal
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from resinc.errors import InputError
from resinc.launch.gke.jobset import ATTEMPT, CELL, CONTAINER
from resinc.launch.queue.ask import ask, recent
from resinc.launch.queue.queued import Key, Place, place_of, returncode_of
from resinc.runs.queue import Ticket

NAME = "Kubernetes"
ENDED = {"Completed": "COMPLETED", "Failed": "FAILED"}  # Condition of a JobSet -> its state here.
POD_LABEL = "jobset.sigs.k8s.io/jobset-name"
LOG_LINES = 20
# Of a pod that is on its way.
ORDINARY = (
    "ContainerCreating",
    "PodInitializing",
    "ContainersNotReady",
    "ContainersNotInitialized",
)
REASON_LETTERS = 200


class Known(NamedTuple):
    """A JobSet that the cluster has.

    Attributes:
      name: of the JobSet.
      cell: see `jobset.Name`.
      attempt: likewise.
      state: PENDING, RUNNING, COMPLETED or FAILED.
      why: it waits, as far as the JobSet itself tells.
    """

    name: str
    cell: str
    attempt: int
    state: str
    why: str = ""

    @property
    def ended(self) -> bool:
        return self.state in ENDED.values()


def call(*arguments: str, namespace: str = "", given: str = "") -> str:
    """What kubectl prints, with `given` on its standard input; see `ask`."""
    place = [f"--namespace={namespace}"] if namespace else []
    return ask("kubectl", *arguments, *place, quoted=_last_words, given=given)


def _last_words(text: str) -> str:
    return next(filter(None, (line.strip() for line in reversed(text.splitlines()))), "")


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
            name, why = item["metadata"]["name"], "suspended" if "Suspended" in true else ""
            found.append(Known(name, labels[CELL], int(labels[ATTEMPT]), state, why))
    return found


def read_queue(namespace: str, selector: str = CELL) -> dict[Key, Place]:
    """The JobSets that wait or run.

    Raises:
      InputError: the cluster does not answer.
    """
    known = [k for k in read_jobsets(namespace, selector) if not k.ended]
    waits = read_reasons(namespace) if any(k.state == "PENDING" for k in known) else {}
    return {
        (k.cell, k.attempt): Place(
            full_name(k.name, namespace), k.state, k.why or waits.get(k.name, "")
        )
        for k in known
    }


def full_name(name: str, namespace: str) -> str:
    """Of a JobSet, as tickets have it."""
    return f"{namespace}/{name}" if namespace else name


def read_reasons(namespace: str) -> dict[str, str]:
    """JobSet -> why a pod of it does not start; {} too where the cluster does not tell."""
    chosen = f"--selector={POD_LABEL}", "--field-selector=status.phase=Pending"
    try:
        return parse_reasons(call("get", "pods", *chosen, "--output=json", namespace=namespace))
    except InputError:
        return {}


def parse_reasons(text: str) -> dict[str, str]:
    """What `kubectl get pods --output=json` prints: no node takes the pod, its image cannot be
    pulled, ..."""
    found: dict[str, str] = {}
    for pod in json.loads(text)["items"]:
        status = pod.get("status", {})
        containers = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
        told = [container.get("state", {}).get("waiting") or {} for container in containers]
        told += [c for c in status.get("conditions", []) if c.get("status") == "False"]
        for each in told:
            words = [each.get("reason", ""), each.get("message", "")]
            if words[0] not in ("", *ORDINARY):
                said = " ".join(": ".join(filter(None, words)).split())
                found.setdefault(pod["metadata"]["labels"][POD_LABEL], said[:REASON_LETTERS])
    return found


_recent_queue = recent(read_queue)


def find(ticket: Ticket) -> Place | None:
    """Where a cell that was submitted is now: GONE where it neither waits nor runs, None where
    nobody tells."""
    namespace = ticket.job.rpartition("/")[0]
    queue = _recent_queue(namespace) if ticket.scheduler == NAME and ticket.job else None
    return place_of(ticket, queue)


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
    return returncode_of(int(end["exitCode"]))


def last_output(name: str, namespace: str) -> str:
    """Of the pods of a JobSet; "" where they said nothing or are gone."""
    wanted = f"--selector={POD_LABEL}={name}", f"--container={CONTAINER}", f"--tail={LOG_LINES}"
    try:
        return call("logs", *wanted, namespace=namespace)
    except InputError:
        return ""
