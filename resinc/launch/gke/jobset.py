"""The manifest of a cell: a JobSet whose one Job has a pod for each host.

A run that was stopped and has saved, or whose host was taken away, fails its Job in the name of the
pod failure policy, and the JobSet starts all hosts anew without counting: a replacement of one pod
alone would wait for hosts that have gone. Any other end is the run's own, and is not repeated on
one host. On several it is, RESTARTS times, since the loss of a host is first seen as errors of the
others.

Sources: JobSet's API v1alpha2, failure policies; Kubernetes, "Pod failure policy"; GKE, "Deploy
TPU workloads".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resinc.launch.gke.pods import BUCKET, Pods
from resinc.launch.queue.request import SAVE_SECONDS, Queue
from resinc.launch.stop import SAVED

API = "jobset.x-k8s.io/v1alpha2"
JOB, CONTAINER = "host", "trainer"
SWEEP, CELL, ATTEMPT = "resinc/sweep", "resinc/cell", "resinc/attempt"  # Labels.
RESTARTS = 3
PORT = 8476  # Where the hosts of a run meet at the first.
KEPT_SECONDS = 24 * 3600  # An ended JobSet with its pods, for `kubectl describe`.
GKE = "cloud.google.com/gke-"


class Name(NamedTuple):
    """Of a JobSet.

    Attributes:
      sweep: stands for the sweep's folder.
      cell: stands for the run's folder.
      attempt: counted from 1; a cluster takes each once.
    """

    sweep: str
    cell: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.cell}-{self.attempt}"


class Work(NamedTuple):
    """What the pods do.

    Attributes:
      arguments: that Python takes to train the cell, e.g. ["-m", "resinc", "train", ...].
      root: folder of the sweep, on the shared volume like all others.
      log: that takes log.txt.
      runs: those that are trained.
    """

    arguments: Sequence[str]
    root: Path
    log: Path
    runs: Sequence[Path]


def manifest(name: Name, work: Work, queue: Queue) -> dict[str, Any]:
    """What `kubectl apply` takes.

    Args:
      name: of the JobSet.
      work: of its pods.
      queue: what the cell asks for, checked.
    """
    pods = queue.pods
    hosts = pods.hosts(queue.nodes)
    several = hosts > 1
    labels = {SWEEP: name.sweep, CELL: name.cell, ATTEMPT: str(name.attempt)}
    annotations = {"resinc/folder": str(work.log)}
    if pods.kueue:
        labels["kueue.x-k8s.io/queue-name"] = pods.kueue
    if pods.tpu and several:  # All hosts in the node pool that is their slice.
        annotations["alpha.jobset.sigs.k8s.io/exclusive-topology"] = f"{GKE}nodepool"
    job = {
        "backoffLimit": 0,
        "completionMode": "Indexed",
        "completions": hosts,
        "parallelism": hosts,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": CONTAINER,
                        "operator": "In",
                        "values": list(SAVED),
                    },
                },
                {
                    "action": "FailJob",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
            ]
        },
        "template": _pod(name, work, queue, hosts),
    }
    place = {"namespace": pods.namespace} if pods.namespace else {}
    return {
        "apiVersion": API,
        "kind": "JobSet",
        "metadata": {"name": str(name), **place, "labels": labels, "annotations": annotations},
        "spec": {
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "failurePolicy": {
                "maxRestarts": RESTARTS if several else 0,
                "rules": [
                    {
                        "name": "savedOrTakenAway",
                        "action": "RestartJobSetAndIgnoreMaxRestarts",
                        "onJobFailureReasons": ["PodFailurePolicy"],
                    }
                ],
            },
            "replicatedJobs": [{"name": JOB, "replicas": 1, "template": {"spec": job}}],
        },
    }


def _pod(name: Name, work: Work, queue: Queue, hosts: int) -> dict[str, Any]:
    pods = queue.pods
    bucket = pods.volume.startswith(BUCKET)
    volume = {
        "csi": {
            "driver": "gcsfuse.csi.storage.gke.io",
            "volumeAttributes": {
                "bucketName": pods.volume.removeprefix(BUCKET),
                # Else a host sees what another wrote a minute later.
                "mountOptions": "implicit-dirs,metadata-cache:ttl-secs:0",
            },
        }
    }
    if not bucket:
        volume = {"persistentVolumeClaim": {"claimName": pods.volume}}
    spot = {"key": f"{GKE}spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": SAVE_SECONDS,
        "serviceAccountName": pods.service_account,
        "nodeSelector": _nodes(pods),
        "tolerations": [spot] if pods.spot else [],
        "containers": [_container(name, work, queue, hosts)],
        "volumes": [{"name": "runs", **volume}],
    }
    # Google's web hook puts the process that serves the bucket beside ours.
    metadata = {"metadata": {"annotations": {"gke-gcsfuse/volumes": "true"}}} if bucket else {}
    return {**metadata, "spec": {key: value for key, value in spec.items() if value}}


def _container(name: Name, work: Work, queue: Queue, hosts: int) -> dict[str, Any]:
    pods = queue.pods
    restarts = "metadata.annotations['jobset.sigs.k8s.io/restart-attempt']"
    task = [f"--root={work.root}", f"--log={work.log}", *(f"--run={run}" for run in work.runs)]
    if hosts > 1:
        task.append(f"--hosts={hosts}")
    if hosts > 1 and not pods.tpu:
        task.append(f"--coordinator={name}-{JOB}-0-0.{name}:{PORT}")
    return {
        "name": CONTAINER,
        "image": pods.image,
        "command": ["python", "-m", "resinc.launch.gke.pod_task"],
        "args": [*task, "--", *work.arguments],
        "env": [
            {"name": "JOBSET_NAME", "value": str(name)},
            {
                "name": "JOBSET_RESTART_ATTEMPT",
                "valueFrom": {"fieldRef": {"fieldPath": restarts}},
            },
        ],
        "resources": _resources(queue),
        "volumeMounts": [{"name": "runs", "mountPath": pods.mount}],
    }


def _nodes(pods: Pods) -> dict[str, str]:
    """Labels of the nodes that may take a cell."""
    labels = dict(selector.split("=", 1) for selector in pods.selectors)
    if pods.tpu:
        labels |= {f"{GKE}tpu-accelerator": pods.accelerator, f"{GKE}tpu-topology": pods.topology}
    elif pods.accelerator:
        labels[f"{GKE}accelerator"] = pods.accelerator
    if pods.spot:
        labels[f"{GKE}spot"] = "true"
    return labels


def _resources(queue: Queue) -> dict[str, Any]:
    """Of a host; accelerators cannot be shared, so what is asked for is also the limit."""
    pods = queue.pods
    limits: dict[str, str] = {}
    if pods.memory:
        limits["memory"] = pods.memory
    if pods.tpu:
        limits["google.com/tpu"] = str(pods.host_chips)
    elif queue.gpus:
        limits["nvidia.com/gpu"] = str(queue.gpus)
    cpus = {"cpu": str(queue.cpus * queue.tasks_per_node)} if queue.cpus else {}
    requests = cpus | limits
    return {name: value for name, value in (("requests", requests), ("limits", limits)) if value}
