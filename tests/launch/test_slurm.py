"""Sweeps in the queue of a real SLURM: whatever it does to a job, nothing lost, nothing twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from resinc.cli import main
from resinc.errors import InputError
from resinc.launch import sweep as sweep_module
from resinc.launch.launcher import Request
from resinc.launch.queue import queued as engine
from resinc.launch.queue.queued import Place
from resinc.launch.queue.request import Queue, seconds
from resinc.launch.slurm import launcher, slurm_task, squeue
from resinc.launch.slurm.squeue import parse_end, parse_queue
from resinc.launch.sweep import run_sweep
from resinc.report import read_rows
from resinc.runs.queue import Ticket, read_ticket, write_ticket
from resinc.runs.status import CellState, state_of, write_status
from tests.background import LONG, in_background, wait_for
from tests.launch import slurm
from tests.launch.test_sweep import cells, command, pack_command, runs, sweep

ROOT = Path(__file__).parent.parent.parent


def folder(root, seed):
    return root / f"depth=8,seed={seed}"


def queued(root, monkeypatch, *behaviour, **options):
    options = {"queue": Queue("60", cpus=2), "devices": None, "workers": 0, **options}
    return sweep(root, monkeypatch, *behaviour, launcher="slurm", **options)


@pytest.mark.slow
def test_nothing_that_a_cluster_does_loses_a_cell_or_runs_one_twice(
    cluster, quick, tmp_path, monkeypatch
):
    """One cell killed, one node down, one time-out, one cancelled by preemption."""
    root, count = tmp_path / "slurm", 6
    thread, result = in_background(lambda: queued(root, monkeypatch, *["wait once"] * count))
    wait_for(lambda: all(runs(root, seed) for seed in range(count)) or not thread.is_alive())
    first = {seed: runs(root, seed)[0] for seed in range(count)}
    by_node = {
        node: [seed for seed in first if first[seed]["SLURMD_NODENAME"] == node]
        for node in slurm.NODES
    }
    killed, late, preempted, *undisturbed = by_node[slurm.NODES[0]]
    node_down, *others = by_node[slurm.NODES[1]]
    undisturbed += others
    assert all(state_of(folder(root, seed)) == CellState.RUNNING for seed in range(count))
    assert first[late]["SRUN_CPUS_PER_TASK"] == "2"

    cluster.call("scontrol", "update", f"job={first[late]['SLURM_JOB_ID']}", "timelimit=1")
    os.kill(first[killed]["pid"], signal.SIGKILL)
    # Else it may save, and queue itself again, before SLURM has cancelled it.
    (folder(root, preempted) / "deaf").touch()
    for seed in undisturbed:
        (folder(root, seed) / "go").touch()
    wait_for(lambda: all(state_of(folder(root, s)) == CellState.DONE for s in undisturbed))

    cluster.call("scontrol", "update", "node=right", "state=down", "reason=test")
    wait_for(lambda: state_of(folder(root, node_down)) == CellState.QUEUED)
    cluster.resume("right")
    wait_for(lambda: len(runs(root, node_down)) == 2)

    wait_for(lambda: len(runs(root, late)) == 2, 120)  # SLURM looks at limits every 30 s.

    cluster.call("sbatch", "-p", "urgent", "--exclusive", "--output=/dev/null", "--wrap=true")
    thread.join(LONG)
    (summary,) = result
    assert sorted(summary.done) == sorted(
        f"depth=8,seed={s}" for s in [*undisturbed, node_down, late]
    )
    assert summary.failed == [f"depth=8,seed={killed}"]
    assert summary.unfinished == [f"depth=8,seed={preempted}"]

    again = queued(root, monkeypatch, *["wait once"] * count)
    assert len(again.done) == count
    starts = {seed: len(runs(root, seed)) for seed in range(count)}
    assert starts == {seed: 1 if seed in undisturbed else 2 for seed in range(count)}
    assert not any(read_ticket(folder(root, seed)) for seed in range(count))

    local = tmp_path / "local"
    sweep(local, monkeypatch, *["done"] * count)
    assert [table(row) for row in read_rows(root)] == [table(row) for row in read_rows(local)]


def table(row):
    return row.name, row.state, row.step, row.labels


@pytest.mark.slow
def test_a_sweep_that_is_left_stays_in_the_queue_and_is_followed_when_typed_again(
    cluster, quick, tmp_path, monkeypatch
):
    monkeypatch.setenv("BEHAVIOUR", json.dumps({"0": "wait once", "1": "wait once"}))
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]];"
        "from resinc.launch.queue.request import Queue;"
        "import tests.launch.test_sweep as t;"
        "s = t.run_sweep(t.cells(2), sys.argv[2], launcher='slurm', command=t.command,"
        " queue=Queue('60', 'one', cpus=8));"
        "sys.exit(s.exit_code)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT), str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: runs(tmp_path, 0) or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LONG)
    assert process.returncode == 128 + signal.SIGINT
    number = read_ticket(folder(tmp_path, 1)).job.partition("_")[0]
    assert "2 cells stay in the queue of SLURM: the same command follows them" in said
    assert f"`scancel {number}`" in said
    assert state_of(folder(tmp_path, 0)) == CellState.RUNNING
    assert state_of(folder(tmp_path, 1)) == CellState.QUEUED

    here = sweep(tmp_path, monkeypatch, "done", "done")
    assert sorted(here.running) == ["depth=8,seed=0", "depth=8,seed=1"]
    follows, submits, look = threading.Event(), [], launcher.Slurm._look

    def seen(self, followed, listener):
        follows.set()
        look(self, followed, listener)

    monkeypatch.setattr(launcher.Slurm, "_look", seen)
    monkeypatch.setattr(launcher.Slurm, "_submit", lambda self, jobs: submits.append(jobs) or {})
    thread, result = in_background(lambda: queued(tmp_path, monkeypatch, "done", "done"))
    assert follows.wait(LONG)
    for seed in range(2):
        (folder(tmp_path, seed) / "go").touch()
    thread.join(LONG)
    assert len(result[0].done) == 2
    assert not submits
    assert [len(runs(tmp_path, seed)) for seed in range(2)] == [1, 1]


def test_a_cancelled_run_stays_cancelled_until_the_sweep_is_typed_again(
    cluster, quick, tmp_path, monkeypatch
):
    """Although it saves and ends with the status that else queues it again."""
    thread, result = in_background(lambda: queued(tmp_path, monkeypatch, "wait once"))
    (start,) = wait_for(lambda: runs(tmp_path, 0))
    cluster.call("scancel", start["SLURM_JOB_ID"])
    thread.join(LONG)
    assert result[0].unfinished == result[0].stopped == ["depth=8,seed=0"]
    assert result[0].exit_code == 1
    assert state_of(folder(tmp_path, 0)) == CellState.UNFINISHED
    assert not cluster.call("squeue", "-h", "-n", read_name(cluster, start["SLURM_JOB_ID"]))
    assert queued(tmp_path, monkeypatch, "wait once").done == ["depth=8,seed=0"]


def read_name(cluster, job):
    said = cluster.call("scontrol", "--oneliner", "show", "job", job)
    return said.partition("JobName=")[2].split()[0]


@pytest.mark.slow
def test_a_run_that_waits_for_a_person_says_what_to_type(cluster, quick, tmp_path, monkeypatch):
    held = Queue("60", options=("hold",))
    thread, result = in_background(lambda: queued(tmp_path, monkeypatch, "done", queue=held))
    ticket = wait_for(lambda: (found := read_ticket(folder(tmp_path, 0))) and found.job and found)
    place = wait_for(lambda: squeue.read_queue().get((ticket.batch, ticket.place)))
    assert place.why == "JobHeldUser (until `scontrol release NUMBER`)"
    cluster.call("scontrol", "release", ticket.job)
    thread.join(LONG)
    assert result[0].done == ["depth=8,seed=0"]


@pytest.mark.slow
def test_a_run_that_is_preempted_with_a_grace_time_saves_and_is_queued_again(
    cluster, quick, tmp_path, monkeypatch
):
    queue = Queue("60", "grace", cpus=2)
    thread, result = in_background(lambda: queued(tmp_path, monkeypatch, "wait once", queue=queue))
    wait_for(lambda: runs(tmp_path, 0))
    cluster.call("sbatch", "-p", "urgent", "--exclusive", "--output=/dev/null", "--wrap=true")
    thread.join(LONG)
    assert result[0].done == ["depth=8,seed=0"]
    assert len(runs(tmp_path, 0)) == 2


def test_a_run_that_is_stopped_again_and_again_before_its_first_step_gives_up(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "3")
    started = []
    monkeypatch.setattr(os, "execvpe", lambda *call: started.append(call))
    task = slurm_task.Task(["resinc"], [str(tmp_path / "log"), str(tmp_path)], str(tmp_path))
    with pytest.raises(SystemExit, match="stopped 3 times before its first step"):
        slurm_task.become(task)
    write_status(tmp_path, "interrupted", 1, 9, 1.0)
    slurm_task.become(task)
    assert len(started) == 1


def test_a_sweep_that_dies_while_it_submits_has_lost_no_job(cluster, quick, tmp_path, monkeypatch):
    """sbatch has taken the jobs, and their numbers are in no folder."""

    class Killed(BaseException):
        pass

    def write(workdir, ticket):
        if ticket.job:
            raise Killed
        write_ticket(workdir, ticket)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "write_ticket", write)
        with pytest.raises(Killed):
            queued(tmp_path, patch, "wait once", "wait once")
    assert not read_ticket(folder(tmp_path, 0)).job
    wait_for(lambda: runs(tmp_path, 0) and runs(tmp_path, 1))
    for seed in range(2):
        (folder(tmp_path, seed) / "go").touch()
    assert len(queued(tmp_path, monkeypatch, "done", "done").done) == 2
    assert [len(runs(tmp_path, seed)) for seed in range(2)] == [1, 1]


@pytest.mark.slow
def test_two_sweeps_of_one_folder_submit_no_cell_twice(cluster, quick, tmp_path, monkeypatch):
    monkeypatch.setenv("BEHAVIOUR", json.dumps({str(seed): "done" for seed in range(4)}))

    ask, submit, submitted = launcher.squeue.read_queue, launcher.Slurm._submit, []

    def slowly():
        answer = ask()
        time.sleep(1)  # In which the other sweep would get the same answer.
        return answer

    def counted(self, jobs):
        submitted.extend(job.name for job in jobs)
        return submit(self, jobs)

    monkeypatch.setattr(launcher.squeue, "read_queue", slowly)
    monkeypatch.setattr(launcher.Slurm, "_submit", counted)

    def once():
        queue = Queue("60", cpus=2)
        return run_sweep(cells(4), tmp_path, launcher="slurm", command=command, queue=queue)

    both = [in_background(once) for _ in range(2)]
    for thread, _ in both:
        thread.join(2 * LONG)
    assert sorted(submitted) == [cell.name for cell in cells(4)]
    assert [len(runs(tmp_path, seed)) for seed in range(4)] == [1] * 4
    assert [sorted(summary.done) for _, (summary,) in both] == [[c.name for c in cells(4)]] * 2


def test_the_cells_of_a_pack_are_queued_once_however_the_pack_is_put_together(
    cluster, quick, tmp_path, monkeypatch
):
    """Three in one job; typed again without packs while it runs, and again behind it."""
    monkeypatch.setattr(sweep_module, "pack_command", pack_command)
    typed = [["wait once"] * 3, {"pack": 4}]
    thread, result = in_background(lambda: queued(tmp_path, monkeypatch, *typed[0], **typed[1]))
    wait_for(lambda: runs(tmp_path, 0))
    assert state_of(folder(tmp_path, 2)) == CellState.QUEUED
    assert sorted(sweep(tmp_path, monkeypatch, *typed[0]).running) == [c.name for c in cells(3)]
    for seed in range(3):
        (folder(tmp_path, seed) / "go").touch()
    thread.join(LONG)
    assert sorted(result[0].done) == [cell.name for cell in cells(3)]
    assert [len(runs(tmp_path, seed)) for seed in range(3)] == [1, 1, 1]
    assert not list(tmp_path.rglob("queue.json"))


def test_a_dry_run_tries_nothing_in_the_queue(cluster, quick, tmp_path, capsys):
    typed = ["sweep", "--config=configs/digits.py", "--axis=model.depth=8", "--dry-run"]
    typed += [f"--root={tmp_path / 'new'}", "--launcher=slurm", "--time=30"]
    assert main(typed) == 0
    assert "none is tried in a queue" in " ".join(capsys.readouterr().out.split())
    assert not cluster.call("squeue", "-h")
    assert not (tmp_path / "new").exists()


def test_one_cell_over_two_nodes_has_one_log_and_one_state(cluster, quick, tmp_path, monkeypatch):
    summary = queued(tmp_path, monkeypatch, "done", queue=Queue("60", nodes=2))
    assert summary.done == ["depth=8,seed=0"]
    (start,) = runs(tmp_path, 0)
    assert start["SLURM_NTASKS"] == "2"
    log = (folder(tmp_path, 0) / "log.txt").read_text()
    assert log.count("$ ") == 1


def test_a_sweep_typed_inside_of_an_allocation_is_as_from_outside(
    cluster, quick, tmp_path, monkeypatch
):
    monkeypatch.setenv("SLURM_CPU_BIND", "nonsense")
    assert queued(tmp_path, monkeypatch, "done").done == ["depth=8,seed=0"]
    assert os.environ["SLURM_CPU_BIND"] == "nonsense"


def test_what_a_job_says_before_its_cell_starts_is_in_the_log(
    cluster, quick, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(launcher, "SETUP", ("export PYTHONPATH=/nowhere PYTHONHOME=/nowhere",))
    summary = queued(tmp_path, monkeypatch, "done")
    assert summary.failed == ["depth=8,seed=0"]
    assert "Error" in (folder(tmp_path, 0) / "log.txt").read_text()


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        (Queue("60", "weekend"), "sbatch refuses: .*[Ii]nvalid partition"),
        (Queue("60", nodes=3), "sbatch refuses: "),
        (Queue("60", options=("mem=900T",)), "sbatch refuses: "),
        (Queue("60", gpus=2), "sbatch refuses: .*; sinfo --format='%P %l %D %c %G' lists the part"),
    ],
)
def test_what_the_cluster_would_refuse_is_refused_before_anything_is_written(
    cluster, tmp_path, monkeypatch, queue, said
):
    with pytest.raises(InputError, match=said):
        queued(tmp_path / "new", monkeypatch, "done", queue=queue)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        (Queue(), "needs the longest time that a cell may take"),
        (Queue("soon"), "--time=soon is no time of SLURM's"),
        (Queue("2"), "--time=2 leaves no time to train"),
        (Queue("60", nodes=0), "--nodes=0 is not at least 1"),
        (Queue("60", options=("Account vision",)), "is not NAME=VALUE"),
        (Queue("60", options=("signal=USR2@60",)), "resinc sets signal itself"),
    ],
)
def test_a_bad_request_is_one_sentence(tmp_path, queue, said):
    with pytest.raises(InputError, match=said):
        launcher.Slurm(Request(tmp_path, queue=queue))


def test_a_machine_without_slurm_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="there is no sbatch here"):
        launcher.Slurm(Request(tmp_path, queue=Queue("60")))


def test_options_of_a_queue_are_refused_without_one(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="give --launcher=slurm"):
        sweep(tmp_path / "new", monkeypatch, "done", queue=Queue("60"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("time", "value"),
    [("90", 5400), ("1:30", 90), ("2:00:00", 7200), ("1-12", 129600), ("1-0:30", 88200)],
)
def test_time_limits_are_read_as_slurm_reads_them(time, value):
    assert seconds(time) == value


def test_lines_of_squeue_and_scontrol_are_read():
    text = "resinc-a|3|17_3|PENDING|Resources\nmy|job|N/A|18|RUNNING|None\n"
    assert parse_queue(text) == {
        ("resinc-a", 3): Place("17_3", "PENDING", "Resources"),
        ("my|job", 0): Place("18", "RUNNING"),
    }
    (held,) = parse_queue("a|N/A|19|PENDING|launch failed requeued held").values()
    assert held.why == "launch failed requeued held (until `scontrol release NUMBER`)"
    ends = {"COMPLETED 0:0": 0, "FAILED 3:0": 3, "FAILED 137:0": -9, "FAILED 0:11": -11}
    ends |= {"FAILED 143:0": 143, "PREEMPTED 0:15": -15, "OUT_OF_MEMORY 0:125": -9}
    for line, end in ends.items():
        state, code = line.split()
        assert parse_end(f"JobId=1 JobState={state} Reason=None ExitCode={code} X=") == end


def test_a_ticket_counts_until_the_run_says_how_it_ended(tmp_path):
    write_status(tmp_path, "failed", 3, 9, 1.0, "no such luck")
    write_ticket(tmp_path, Ticket("SLURM", "resinc-a", 0))
    assert state_of(tmp_path) == CellState.QUEUED
    write_status(tmp_path, "failed", 3, 9, 1.0, "again")
    assert state_of(tmp_path) == CellState.FAILED
    write_status(tmp_path, "done", 9, 9, 1.0)
    assert state_of(tmp_path) == CellState.DONE
