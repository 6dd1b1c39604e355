"""Sweeps as JobSets: manifests that Kubernetes takes, and nothing lost or run twice."""

import copy
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from resinc.cli import main
from resinc.errors import InputError
from resinc.launch import status
from resinc.launch import sweep as sweep_module
from resinc.launch.gke import kubectl, launcher, pod_task
from resinc.launch.gke.jobset import Name, Work, manifest
from resinc.launch.gke.pods import Pods
from resinc.launch.launcher import Request
from resinc.launch.queue import queued
from resinc.launch.queue.queued import Place
from resinc.launch.queue.request import Queue
from resinc.launch.stop import SAVED
from resinc.report import read_rows
from resinc.runs import host
from resinc.runs.log import last_words
from resinc.runs.queue import Ticket, read_ticket, write_ticket
from resinc.runs.status import CellState, state_of, write_status
from tests.background import LONG, in_background, wait_for
from tests.launch import jobset_schema
from tests.launch.test_sweep import cells, pack_command, runs, sweep

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def cluster(kubernetes):
    return kubernetes


def ask(root, nodes=1, gpus=0, cpus=0, **pods):
    given = {"image": "registry/resinc:1", "volume": "runs", "mount": str(root.parent), **pods}
    return Queue(nodes=nodes, gpus=gpus, cpus=cpus, pods=Pods(**given))


def on_gke(root, monkeypatch, *behaviour, **options):
    options = {"queue": ask(root), "devices": None, "workers": 0, **options}
    return sweep(root, monkeypatch, *behaviour, launcher="gke", **options)


def folder(root, seed):
    return root / f"depth=8,seed={seed}"


def applied(cluster):
    """Names of the manifests that were given, those of trials aside."""
    lines = (cluster / "given.jsonl").read_text().splitlines()
    given = [json.loads(line) for line in lines]
    given = [each for each in given if "--dry-run=server" not in each["options"]]
    return [item["metadata"]["name"] for each in given for item in each["items"]]


ASKED = {
    "cpu": {"cpus": 4, "memory": "16Gi"},
    "bucket": {"volume": "gs://my-bucket", "service_account": "trainer", "cpus": 2},
    "gpu": {"accelerator": "nvidia-l4", "gpus": 1, "cpus": 8, "spot": True},
    "gpu hosts": {"accelerator": "nvidia-h100-80gb", "gpus": 8, "nodes": 2},
    "tpu host": {"accelerator": "tpu-v5-lite-podslice", "topology": "2x4", "chips": 8},
    "tpu slice": {
        "accelerator": "tpu-v4-podslice",
        "topology": "2x2x4",
        "namespace": "vision",
        "kueue": "team",
        "spot": True,
        "selectors": ("cloud.google.com/gke-nodepool=v4",),
    },
}


def made(root, **asked):
    queue = ask(root, **asked)
    queue.pods.check(root, queue.nodes, queue.gpus)
    arguments = ["-m", "resinc", "train", "--config=configs/cifar.py:depth=20,block=plain"]
    work = Work(arguments, root, root / "a,b", [root / "a,b"])
    return manifest(Name("0123456789ab", "resinc-0123456789ab", 1), work, queue)


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_manifest_is_what_jobset_and_kubernetes_take(tmp_path, asked):
    whole = made(tmp_path / "sweep", **asked)
    jobset_schema.check(whole)
    assert yaml.safe_load(yaml.safe_dump(whole)) == whole


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("failurePolicy", "maxRestart"), 1),
        (("failurePolicy", "maxRestarts"), "one"),
        (("failurePolicy", "rules", 0, "action"), "RestartJobSetForEver"),
        (("failurePolicy", "rules", 0, "name"), "saved-or-taken"),
        (("replicatedJobs", 0, "template", "spec", "completionMode"), 3),
        (("replicatedJobs", 0, "template", "spec", "backoffLimit"), "none"),
        (("replicatedJobs", 0, "template", "spec", "template", "spec", "restart"), "Never"),
        (("replicatedJobs", 0, "template", "spec", "podFailurePolicy", "rules", 0, "action"), 1),
    ],
)
def test_a_manifest_with_a_mistake_is_seen(tmp_path, path, value):
    jsonschema = pytest.importorskip("jsonschema")
    whole = copy.deepcopy(made(tmp_path / "sweep"))
    place = whole["spec"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jobset_schema.check(whole)


def test_what_was_stopped_or_lost_its_host_starts_anew_and_does_not_count(tmp_path):
    spec = made(tmp_path / "sweep")["spec"]
    (replicated,) = spec["replicatedJobs"]
    job = replicated["template"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    by_code, by_condition = job["podFailurePolicy"]["rules"]
    assert by_code["onExitCodes"]["values"] == [129, 130, 143] == list(SAVED)
    assert by_condition["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert by_code["action"] == by_condition["action"] == "FailJob"
    (rule,) = spec["failurePolicy"]["rules"]
    assert rule["action"] == "RestartJobSetAndIgnoreMaxRestarts"
    assert rule["onJobFailureReasons"] == ["PodFailurePolicy"]
    assert spec["failurePolicy"]["maxRestarts"] == 0


def pod_of(whole):
    return whole["spec"]["replicatedJobs"][0]["template"]["spec"]


def test_a_slice_has_the_hosts_its_topology_says_in_one_node_pool(tmp_path):
    whole = made(tmp_path / "sweep", **ASKED["tpu slice"])
    job = pod_of(whole)
    assert job["completions"] == job["parallelism"] == 4
    spec = job["template"]["spec"]
    assert spec["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v4-podslice",
        "cloud.google.com/gke-tpu-topology": "2x2x4",
        "cloud.google.com/gke-nodepool": "v4",
        "cloud.google.com/gke-spot": "true",
    }
    assert spec["containers"][0]["resources"]["limits"] == {"google.com/tpu": "4"}
    annotations = whole["metadata"]["annotations"]
    assert "cloud.google.com/gke-nodepool" in annotations.values()
    assert whole["metadata"]["namespace"] == "vision"
    assert pod_of(made(tmp_path / "s", **ASKED["tpu host"]))["completions"] == 1


def test_hosts_with_gpus_meet_at_the_first(tmp_path):
    whole = made(tmp_path / "sweep", **ASKED["gpu hosts"])
    assert pod_of(whole)["completions"] == 2
    (container,) = pod_of(whole)["template"]["spec"]["containers"]
    name = whole["metadata"]["name"]
    assert f"--coordinator={name}-host-0-0.{name}:8476" in container["args"]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "8"}
    assert whole["spec"]["failurePolicy"]["maxRestarts"] > 0


def test_a_bucket_is_mounted_where_it_is_on_this_machine(tmp_path):
    template = pod_of(made(tmp_path / "sweep", **ASKED["bucket"]))["template"]
    assert template["metadata"]["annotations"] == {"gke-gcsfuse/volumes": "true"}
    (volume,) = template["spec"]["volumes"]
    assert volume["csi"]["volumeAttributes"]["bucketName"] == "my-bucket"
    (mount,) = template["spec"]["containers"][0]["volumeMounts"]
    assert mount == {"name": "runs", "mountPath": str(tmp_path)}


def test_a_sweep_of_jobsets_gives_the_table_of_the_local_launcher(cluster, tmp_path, monkeypatch):
    """One cell fails, one diverges, one is stopped, saves and is started anew."""
    root = tmp_path / "gke"
    ends = ["done", "fail", "diverge", "quit once"]
    summary = on_gke(root, monkeypatch, *ends)
    assert sorted(summary.done) == ["depth=8,seed=0", "depth=8,seed=3"]
    assert summary.failed == ["depth=8,seed=1"]
    assert summary.diverged == ["depth=8,seed=2"]
    assert "no such luck" in last_words(folder(root, 1))
    assert [len(runs(root, seed)) for seed in range(4)] == [1, 1, 1, 2]
    assert [start["JOBSET_RESTART_ATTEMPT"] for start in runs(root, 3)] == ["0", "1"]
    assert not any(read_ticket(folder(root, seed)) for seed in range(4))

    again = on_gke(root, monkeypatch, *["done"] * 4)
    assert sorted(again.done) == [f"depth=8,seed={seed}" for seed in (0, 1, 3)]
    assert [len(runs(root, seed)) for seed in range(4)] == [1, 2, 1, 2]
    names = applied(cluster)
    assert len(names) == len(set(names)) == 5
    assert {name.rpartition("-")[2] for name in names} == {"1", "2"}

    local = tmp_path / "local"
    sweep(local, monkeypatch, "done", "done", "diverge", "done")
    assert [table(row) for row in read_rows(root)] == [table(row) for row in read_rows(local)]


def table(row):
    return row.name, row.state, row.step, row.labels


def test_a_cell_over_several_hosts_has_one_log_and_the_environment_of_gke(
    cluster, tmp_path, monkeypatch
):
    root = tmp_path / "gke"
    queue = ask(root, accelerator="tpu-v5-lite-podslice", topology="2x4")
    assert on_gke(root, monkeypatch, "done", queue=queue).done == ["depth=8,seed=0"]
    (start,) = runs(root, 0)
    name = start["JOBSET_NAME"]
    assert start["TPU_WORKER_ID"] == "0"
    assert start["TPU_WORKER_HOSTNAMES"] == f"{name}-host-0-0.{name},{name}-host-0-1.{name}"
    assert (folder(root, 0) / "log.txt").read_text().count("$ ") == 1


def test_a_sweep_typed_again_follows_what_is_there_and_submits_nothing(
    cluster, tmp_path, monkeypatch, capsys
):
    """After Ctrl-C, and with a second watcher; a local sweep leaves the cells alone."""
    root = tmp_path / "gke"

    def interrupt():
        try:
            wait_for(lambda: all(runs(root, seed) for seed in range(2)))
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread, _ = in_background(interrupt)
    summary = on_gke(root, monkeypatch, "wait once", "wait once")
    thread.join(LONG)
    assert summary.exit_code == 128 + signal.SIGINT
    said = capsys.readouterr().err
    assert "2 cells stay in the queue of Kubernetes" in said
    assert "`kubectl delete jobset --selector=resinc/sweep=" in said
    assert sorted(sweep(root, monkeypatch, "done", "done").running) == [c.name for c in cells(2)]

    before = applied(cluster)
    watchers = [in_background(lambda: on_gke(root, monkeypatch, "done", "done")) for _ in range(2)]
    for seed in range(2):
        (folder(root, seed) / "go").touch()
    for thread, _ in watchers:
        thread.join(LONG)
    assert [len(summary.done) for _, (summary,) in watchers] == [2, 2]
    assert applied(cluster) == before
    assert [len(runs(root, seed)) for seed in range(2)] == [1, 1]


@pytest.mark.parametrize("lost", ["tickets", "answer"])
def test_what_was_handed_over_and_not_noted_is_found_by_its_name(
    cluster, tmp_path, monkeypatch, lost
):
    root = tmp_path / "gke"
    (cluster / "loses-answers").touch()
    with pytest.raises(InputError, match="kubectl refuses: Error from server: connection lost"):
        on_gke(root, monkeypatch, "wait once")
    assert read_ticket(folder(root, 0))
    if lost == "tickets":
        (folder(root, 0) / "queue.json").unlink()
    (cluster / "loses-answers").unlink()
    thread, result = in_background(lambda: on_gke(root, monkeypatch, "done"))
    wait_for(lambda: runs(root, 0))
    (folder(root, 0) / "go").touch()
    thread.join(LONG)
    assert result[0].done == ["depth=8,seed=0"]
    assert len(applied(cluster)) == len(runs(root, 0)) == 1


def test_a_cluster_that_refuses_a_cell_leaves_it_new(cluster, tmp_path, monkeypatch):
    root, take = tmp_path / "gke", launcher.kubectl.apply

    def full(manifests, *options):
        if not options:
            (cluster / "refuses").write_text("exceeded quota")
        take(manifests, *options)

    monkeypatch.setattr(launcher.kubectl, "apply", full)
    with pytest.raises(InputError, match="exceeded quota"):
        on_gke(root, monkeypatch, "done")
    assert state_of(folder(root, 0)) == CellState.NEW


def test_what_the_cluster_would_refuse_is_refused_before_anything_is_written(
    cluster, tmp_path, monkeypatch
):
    (cluster / "refuses").write_text('no matches for kind "JobSet"')
    with pytest.raises(InputError, match="no matches for kind"):
        on_gke(tmp_path / "new", monkeypatch, "done")
    assert not (tmp_path / "new").exists()


def test_no_more_cells_are_in_the_cluster_than_workers(cluster, tmp_path, monkeypatch):
    root, most, look = tmp_path / "gke", [], queued.Queued._look

    def counted(self, followed, listener):
        most.append(len(followed))
        look(self, followed, listener)

    monkeypatch.setattr(queued.Queued, "_look", counted)
    assert len(on_gke(root, monkeypatch, "done", "done", workers=1).done) == 2
    assert max(most) == 1


def test_a_pack_is_one_jobset_of_all_its_cells(cluster, tmp_path, monkeypatch):
    """Each is marked as queued, and found again by a sweep without packs."""
    root = tmp_path / "gke"
    monkeypatch.setattr(sweep_module, "pack_command", pack_command)
    ends = ["wait once"] * 2
    thread, result = in_background(lambda: on_gke(root, monkeypatch, *ends, pack=2))
    wait_for(lambda: runs(root, 0))
    assert state_of(folder(root, 1)) == CellState.QUEUED
    assert sorted(sweep(root, monkeypatch, *ends).running) == [c.name for c in cells(2)]
    for seed in range(2):
        (folder(root, seed) / "go").touch()
    thread.join(LONG)
    assert sorted(result[0].done) == [cell.name for cell in cells(2)]
    assert len(applied(cluster)) == 1
    assert not list(root.rglob("queue.json"))


def test_what_a_pod_says_before_its_cell_starts_is_in_the_log(cluster, tmp_path, monkeypatch):
    root, arguments = tmp_path / "gke", launcher.manifest

    def broken(*given):
        whole = arguments(*given)
        pod_of(whole)["template"]["spec"]["containers"][0]["command"][2] = "resinc.launch.none"
        return whole

    monkeypatch.setattr(launcher, "manifest", broken)
    assert on_gke(root, monkeypatch, "done").failed == ["depth=8,seed=0"]
    assert "No module named resinc.launch.none" in last_words(folder(root, 0))


def test_pods_that_cannot_start_say_why_in_the_sweep_and_in_its_status(
    cluster, tmp_path, monkeypatch
):
    out = io.StringIO()  # To read capsys' takes away what the other thread writes meanwhile.
    monkeypatch.setattr(sys, "stdout", out)
    root = tmp_path / "gke"
    (cluster / "stuck").write_text("manifest unknown")
    thread, result = in_background(lambda: on_gke(root, monkeypatch, "done", "done"))
    said = "ErrImagePull: manifest unknown"
    wait_for(lambda: read_ticket(folder(root, 0)) and read_ticket(folder(root, 0)).job)
    wait_for(lambda: said in str(kubectl.read_queue("").values()))
    standing = wait_for(lambda: [run for run in status.look(root)[1] if run.message])[0]
    assert status.cells_of(standing)[-1].endswith(f": {said}")
    wait_for(lambda: f"waiting   2 in the queue: {said}" in out.getvalue())
    (cluster / "stuck").unlink()
    thread.join(LONG)
    assert len(result[0].done) == 2


def test_manifests_written_to_a_folder_and_applied_by_hand_are_followed(
    cluster, tmp_path, monkeypatch, capsys
):
    root, there = tmp_path / "gke", tmp_path / "manifests"
    queue = ask(root, manifests=str(there))
    summary = on_gke(root, monkeypatch, "done", "wait once", queue=queue)
    assert len(summary.unfinished) == 2
    assert f"2 manifests in {there}" in capsys.readouterr().out
    assert not (cluster / "given.jsonl").exists()
    written = [yaml.safe_load(path.read_text()) for path in sorted(there.glob("*.yaml"))]
    for whole in written:
        jobset_schema.check(whole)
    kubectl.apply([written[1]])
    wait_for(lambda: runs(root, 1))
    thread, result = in_background(lambda: on_gke(root, monkeypatch, "done", "done"))
    wait_for(lambda: read_ticket(folder(root, 1)))
    (folder(root, 1) / "go").touch()
    thread.join(LONG)
    assert len(result[0].done) == 2
    assert len(runs(root, 1)) == 1


def test_a_dry_run_starts_nothing(cluster, tmp_path, capsys):
    typed = ["sweep", "--config=configs/digits.py", "--axis=model.depth=8", "--dry-run"]
    typed += [f"--root={tmp_path / 'new'}", "--launcher=gke", "--image=resinc", "--volume=runs"]
    typed += [f"--mount={tmp_path}"]
    assert main(typed) == 0
    assert "none is tried in a queue" in " ".join(capsys.readouterr().out.split())
    assert not applied(cluster)
    assert not (tmp_path / "new").exists()


def test_a_cell_that_left_the_cluster_is_unfinished_in_the_status(tmp_path, monkeypatch):
    known = {("resinc-a", 1): Place("resinc-a-1", "PENDING")}
    monkeypatch.setattr(kubectl, "_recent_queue", lambda namespace: known)
    for name, attempt in (("a", 1), ("b", 2)):
        workdir = tmp_path / f"cell={name}"
        write_ticket(
            workdir, Ticket("Kubernetes", f"resinc-{name}", attempt, f"resinc-{name}-{attempt}")
        )
    found = {run.name: run for run in map(status._standing, sorted(tmp_path.iterdir()))}
    assert found["cell=a"].state == CellState.QUEUED
    assert found["cell=a"].host == "Kubernetes resinc-a-1"
    assert found["cell=b"].state == CellState.UNFINISHED


def task(root, *, variables, options=()):
    """What the container of a pod prints, whose command shows its arguments and environment."""
    show = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    typed = [f"--root={root}", f"--log={root}", f"--run={root}", *options, "--", "-c", show]
    # Commands that other tests gave have set some of JAX's variables.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return subprocess.run(
        [sys.executable, "-m", "resinc.launch.gke.pod_task", *typed],
        env={**plain, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_host_with_gpus_is_told_who_it_is(tmp_path):
    options = ["--hosts=2", "--coordinator=a-host-0-0.a:8476"]
    ran = task(tmp_path, variables={"JOB_COMPLETION_INDEX": "1"}, options=options)
    arguments, seen = json.loads(ran.stdout)
    assert arguments == ["--coordinator=a-host-0-0.a:8476", "--num_processes=2", "--process_id=1"]
    assert seen["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path / ".xla-cache")
    assert not (tmp_path / "log.txt").exists()


def test_a_host_of_a_slice_is_told_by_gke_alone(tmp_path):
    variables = {"JOB_COMPLETION_INDEX": "1", "TPU_WORKER_ID": "1", "TPU_WORKER_HOSTNAMES": "a,b"}
    ran = task(tmp_path, variables=variables, options=["--hosts=2"])
    arguments, seen = json.loads(ran.stdout)
    assert {name: seen[name] for name in variables} == variables
    assert arguments == []


def test_the_first_host_writes_the_log_and_one_that_is_alone_looks_for_no_others(
    tmp_path, monkeypatch
):
    variables = {"JOB_COMPLETION_INDEX": "0", "JOBSET_NAME": "resinc-a-1"}
    ran = task(tmp_path, variables=variables)
    assert ran.stdout == ""
    _, seen = json.loads((tmp_path / "log.txt").read_text().splitlines()[-1])
    assert "JOB_COMPLETION_INDEX" not in seen
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("JOBSET_NAME", seen["JOBSET_NAME"])
    assert host.job() == "Kubernetes resinc-a-1"


def test_a_run_that_diverged_on_another_host_is_not_trained_again(tmp_path):
    write_status(tmp_path, "diverged", 4, 9, 1.0)
    given = [f"--root={tmp_path}", f"--log={tmp_path}", f"--run={tmp_path}", "--", "-m", "resinc"]
    with pytest.raises(SystemExit) as stopped:
        pod_task.main(given)
    assert stopped.value.code == 3


def test_a_run_that_is_stopped_again_and_again_before_its_first_step_gives_up(tmp_path):
    variables = {"JOB_COMPLETION_INDEX": "1", "JOBSET_RESTART_ATTEMPT": "3"}
    ran = task(tmp_path, variables=variables)
    assert ran.returncode == 1
    assert "stopped 3 times before its first step" in ran.stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"image": ""}, "needs --image: a container image"),
        ({"image": "my image"}, "--image='my image' has a space"),
        ({"volume": ""}, "needs --volume"),
        ({"volume": "My_Claim"}, "--volume=My_Claim is no name in Kubernetes"),
        ({"volume": "gs://bucket/folder"}, "is not gs://BUCKET"),
        ({"mount": ""}, "needs --mount"),
        ({"mount": "mnt"}, "--mount=mnt is not the absolute path"),
        ({"mount": "/elsewhere"}, "does not lie in --mount=/elsewhere"),
        ({"namespace": "A B"}, "--namespace=A B is no name"),
        ({"memory": "much"}, "--memory=much is no amount"),
        ({"selectors": ("pool",)}, "--node-label='pool' is not NAME=VALUE"),
        ({"gpus": 2}, "--gpus=2 needs the kind of GPU"),
        ({"accelerator": "nvidia-l4"}, "needs the number of GPUs"),
        ({"topology": "2x2"}, "--topology=2x2 is of a TPU"),
        ({"chips": 4}, "--chips=4 is of a TPU"),
        ({"accelerator": "tpu-v4-podslice"}, "--topology= is not that of a TPU slice"),
        ({"accelerator": "tpu-v4-podslice", "topology": "2x0x2"}, "is not that of a TPU slice"),
        ({"accelerator": "tpu-a", "topology": "2x3"}, "6 chips, which are not shared out"),
        ({"accelerator": "tpu-a", "topology": "2x2", "gpus": 1}, "--gpus=1 on tpu-a"),
        ({"accelerator": "tpu-a", "topology": "2x4", "nodes": 3}, "has 2 hosts of 4 chips"),
        ({"nodes": 0}, "--nodes=0 is not at least 1"),
    ],
)
def test_a_bad_request_is_one_sentence(tmp_path, asked, said):
    root = tmp_path / "sweep"
    with pytest.raises(InputError, match=said):
        launcher.Gke(Request(root, queue=ask(root, **asked)))


def test_a_machine_without_kubectl_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    root = tmp_path / "sweep"
    with pytest.raises(InputError, match="needs kubectl"):
        launcher.Gke(Request(root, queue=ask(root)))
    launcher.Gke(Request(root, queue=ask(root, manifests="there")))


def test_options_of_another_launcher_are_refused(tmp_path, monkeypatch):
    root = tmp_path / "new"
    with pytest.raises(InputError, match="are of --launcher=slurm"):
        launcher.Gke(Request(root, queue=Queue("60", pods=ask(root).pods)))
    with pytest.raises(InputError, match="are of this machine: GKE"):
        launcher.Gke(Request(root, devices=("0",), queue=ask(root)))
    with pytest.raises(InputError, match="give --launcher=slurm or --launcher=gke"):
        sweep(root, monkeypatch, "done", queue=ask(root))
    assert not root.exists()


def test_what_kubectl_prints_is_read():
    labels = {"resinc/cell": "resinc-a", "resinc/attempt": "2"}

    def item(name, labels, **status):
        return {"metadata": {"name": name, "labels": labels}, "status": status}

    def condition(kind, value="True"):
        return [{"type": kind, "status": value}]

    items = [
        item("waits", labels, replicatedJobsStatus=[{"ready": 0, "active": 1}]),
        item("runs", labels, replicatedJobsStatus=[{"ready": 1}]),
        item("done", labels, conditions=condition("Completed")),
        item("lost", labels, conditions=condition("Failed")),
        item("held", labels, conditions=condition("Suspended") + condition("Failed", "False")),
        {"metadata": {"name": "another's"}},
    ]
    known = kubectl.parse_jobsets(json.dumps({"items": items}))
    assert {k.name: k.state for k in known} == {
        "waits": "PENDING",
        "runs": "RUNNING",
        "done": "COMPLETED",
        "lost": "FAILED",
        "held": "PENDING",
    }
    assert {(k.cell, k.attempt) for k in known} == {("resinc-a", 2)}
    assert [k.name for k in known if k.why] == ["held"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, None),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available:\n3 Insufficient google.com/tpu.",
                    }
                ]
            },
            "Unschedulable: 0/3 nodes are available: 3 Insufficient google.com/tpu.",
        ),
        (
            {
                "conditions": [
                    {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
                ],
                "initContainerStatuses": [{"state": {"running": {}}}],
                "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}],
            },
            "ImagePullBackOff",
        ),
    ],
)
def test_of_a_pod_that_does_not_start_the_reason_is_read(status, said):
    pod = {"metadata": {"labels": {kubectl.POD_LABEL: "resinc-a-1"}}, "status": status}
    expected = {"resinc-a-1": said} if said else {}
    assert kubectl.parse_reasons(json.dumps({"items": [pod]})) == expected


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ([], None),
        ([{"exitCode": 0}], None),
        ([{"exitCode": 0}, {"exitCode": 3}], 3),
        ([{"exitCode": 137, "reason": "OOMKilled"}], -9),
        ([{"exitCode": 139}], -11),
        (
            [
                {"exitCode": 134, "finishedAt": "2026-01-01T00:00:09Z"},
                {"exitCode": 2, "finishedAt": "2026-01-01T00:00:01Z"},
            ],
            2,
        ),
    ],
)
def test_of_several_hosts_the_first_that_failed_says_why(ends, code):
    pods = [
        {"status": {"containerStatuses": [{"name": "trainer", "state": {"terminated": end}}]}}
        for end in ends
    ]
    assert kubectl.parse_end(json.dumps({"items": pods})) == code
