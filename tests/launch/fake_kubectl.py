"""Stands in for kubectl and for the cluster behind it, in the folder that FAKE_CLUSTER names.

What it is given lies there as it was given. A JobSet's pods are processes of this machine that
have the environment GKE gives; ends of pods are judged by the policies of the manifest, as the
controllers of Job and JobSet do.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

CLUSTER = Path(os.environ["FAKE_CLUSTER"])
POD_LABEL = "jobset.sigs.k8s.io/jobset-name"
ALLOWED = {"--dry-run=server", "--filename=-"}


def write(path, value):
    beside(path, value).rename(path)


def create(path, value):
    """Whether it was not there; whoever lists it sees it whole."""
    whole = beside(path, value)
    try:
        path.hardlink_to(whole)
    except FileExistsError:
        return False
    finally:
        whole.unlink()
    return True


def beside(path, value):
    """A file that holds the value, to be put in the place of the path at once."""
    whole = path.with_name(f"{path.name}.{os.getpid()}")
    whole.write_text(json.dumps(value))
    return whole


def read(name, kind):
    try:
        return json.loads((CLUSTER / f"{name}.{kind}").read_text())
    except FileNotFoundError:
        return None


def names():
    return sorted(path.name.removesuffix(".jobset") for path in CLUSTER.glob("*.jobset"))


def refuse(words):
    print(f"Error from server: {words}", file=sys.stderr)
    sys.exit(1)


def apply(options):
    given = json.load(sys.stdin)
    with (CLUSTER / "given.jsonl").open("a") as file:
        file.write(json.dumps({"options": options, "items": given["items"]}) + "\n")
    if (CLUSTER / "refuses").exists():
        refuse((CLUSTER / "refuses").read_text())
    if "--dry-run=server" in options:
        return
    for item in given["items"]:
        name = item["metadata"]["name"]
        if not create(CLUSTER / f"{name}.jobset", item):
            print(f"jobset.jobset.x-k8s.io/{name} unchanged")
            continue
        subprocess.Popen(
            [sys.executable, __file__, "control", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        print(f"jobset.jobset.x-k8s.io/{name} created")
    if (CLUSTER / "loses-answers").exists():
        refuse("connection lost")


def list_jobsets(selector):
    items = []
    for name in names():
        item = read(name, "jobset")
        labels = item["metadata"]["labels"]
        label, _, value = selector.partition("=")
        if label in labels and value in ("", labels[label]):
            items.append(item | {"status": read(name, "status") or {}})
    return {"items": items}


def list_pods(name, phase):
    found = [read(each, "pods") for each in names() if name in ("", each)]
    pods = [pod for each in found if each for pod in each["items"]]
    return {"items": [pod for pod in pods if phase in ("", pod["status"]["phase"])]}


def environment(item, container, index, hosts, restarts):
    name = item["metadata"]["name"]
    given = dict(os.environ) | {"JOB_COMPLETION_INDEX": str(index)}
    given |= {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": f"{name}-host-0-{index}"}
    for variable in container["env"]:
        value = variable.get("value")
        if value is None:
            path = variable["valueFrom"]["fieldRef"]["fieldPath"]
            assert path == "metadata.annotations['jobset.sigs.k8s.io/restart-attempt']"
            value = str(restarts)
        given[variable["name"]] = value
    if "google.com/tpu" in container["resources"].get("limits", {}):
        every = [f"{name}-host-0-{host}.{name}" for host in range(hosts)]
        given |= {"TPU_WORKER_ID": str(index), "TPU_WORKER_HOSTNAMES": ",".join(every)}
    return given


def run_job(item, job, restarts):
    """How the pods ended; where one fails, the others are told to stop."""
    name, spec = item["metadata"]["name"], job["template"]["spec"]
    (container,) = spec["containers"]
    assert container["command"][0] == "python"
    pods, hosts = [], job["completions"]
    for index in range(hosts):
        log = (CLUSTER / f"{name}.{restarts}.{index}.log").open("w")
        pods.append(
            subprocess.Popen(
                [sys.executable, *container["command"][1:], *container["args"]],
                env=environment(item, container, index, hosts, restarts),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        )
    first = None
    while any(pod.poll() is None for pod in pods) or first is None:
        ends = [pod.poll() for pod in pods]
        if first is None and (bad := [end for end in ends if end]):
            first = bad[0]
            for pod in pods:
                if pod.poll() is None:
                    pod.terminate()
        if all(end is not None for end in ends):
            first = first or 0
        time.sleep(0.02)
    codes = [pod.returncode for pod in pods]
    ends = [{"terminated": {"exitCode": code if code >= 0 else 128 - code}} for code in codes]
    write_pods(name, "Failed" if first else "Succeeded", container["name"], ends)
    return first if first >= 0 else 128 - first


def write_pods(name, phase, container, states):
    items = [
        {
            "metadata": {"labels": {POD_LABEL: name}},
            "status": {
                "phase": phase,
                "containerStatuses": [{"name": container, "state": state}],
            },
        }
        for state in states
    ]
    write(CLUSTER / f"{name}.pods", {"items": items})


def control(name):
    """What the controllers of Job and of JobSet do with one JobSet."""
    item = read(name, "jobset")
    (replicated,) = item["spec"]["replicatedJobs"]
    job, policy = replicated["template"]["spec"], item["spec"]["failurePolicy"]
    counted = restarts = 0
    while (CLUSTER / "stuck").exists():
        waiting = {"reason": "ErrImagePull", "message": (CLUSTER / "stuck").read_text()}
        write_pods(name, "Pending", "trainer", [{"waiting": waiting}] * job["completions"])
        time.sleep(0.1)
    (CLUSTER / f"{name}.pods").unlink(missing_ok=True)
    while True:
        active = {"name": replicated["name"], "ready": 1, "active": 1, "failed": 0}
        write(CLUSTER / f"{name}.status", {"replicatedJobsStatus": [active], "restarts": restarts})
        code = run_job(item, job, restarts)
        if code == 0:
            return finish(name, "Completed")
        reason = "BackoffLimitExceeded"
        for rule in job["podFailurePolicy"]["rules"]:
            if code in rule.get("onExitCodes", {}).get("values", []):
                reason = {"FailJob": "PodFailurePolicy"}[rule["action"]]
                break
        action = next(
            (r["action"] for r in policy["rules"] if reason in r["onJobFailureReasons"]),
            "RestartJobSet",
        )
        if action == "RestartJobSet":
            counted += 1
            if counted > policy["maxRestarts"]:
                return finish(name, "Failed")
        restarts += 1


def finish(name, kind):
    write(CLUSTER / f"{name}.status", {"conditions": [{"type": kind, "status": "True"}]})
    return


def main(arguments):
    words = [word for word in arguments if not word.startswith("--")]
    options = [word for word in arguments if word.startswith("--")]
    selector = next((o.partition("=")[2] for o in options if o.startswith("--selector=")), "")
    if words[0] == "control":
        control(words[1])
    elif words == ["apply"]:
        apply([option for option in options if option in ALLOWED])
    elif words == ["get", "jobsets.jobset.x-k8s.io"]:
        print(json.dumps(list_jobsets(selector)))
    elif words == ["get", "pods"]:
        phase = next((o.rpartition("=")[2] for o in options if "status.phase" in o), "")
        print(json.dumps(list_pods(selector.partition("=")[2], phase)))
    elif words == ["logs"]:
        for log in sorted(CLUSTER.glob(f"{selector.partition('=')[2]}.*.log")):
            print(log.read_text(), end="")
    else:
        refuse(f"the fake does not know {arguments}")


main(sys.argv[1:])
