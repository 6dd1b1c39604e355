"""A trace is told as what a step of training does, not as a thousand launches."""

from experiments.benchmarks import gpu_kernels
from experiments.benchmarks.gpu_kernels import kernels, markdown

GPU, CPU, STREAM, NOTES = 1, 2, 7, 8


def named(kind, pid, tid, name):
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}


def launch(name, operation, microseconds, pid=GPU, tid=STREAM):
    place = {"ph": "X", "pid": pid, "tid": tid, "name": name, "dur": microseconds}
    return place | {"args": {"hlo_op": operation}}


TRACE = {
    "traceEvents": [
        named("process_name", GPU, 0, "/device:GPU:0"),
        named("process_name", CPU, 0, "/host:CPU"),
        named("thread_name", GPU, STREAM, "Stream #13(Compute)"),
        named("thread_name", GPU, NOTES, "XLA Ops"),
        named("thread_name", CPU, STREAM, "Stream of the host"),
        launch("wgrad_alg0_engine<float, 128>", "cudnn-conv-bw-filter.21", 3000.0),
        launch("nhwcToNchwKernel", "cudnn-conv-bw-input.3", 1000.0),
        launch("xmma_fprop", "cudnn-conv.3", 500.0),
        launch("MemcpyD2D", "copy.4", 200.0),
        launch("wrapped_transpose", "command_buffer_1", 100.0),
        launch("input_reduce_fusion_13", "command_buffer_1", 60.0),
        launch("loop_add_fusion_9", "command_buffer_1", 40.0),
        launch("cudnn-conv.3", "cudnn-conv.3", 500.0, tid=NOTES),
        launch("main", "", 9000.0, pid=CPU),
    ]
}


def test_kernels_of_the_gpu_are_counted_once_each_in_their_group():
    found = list(kernels(TRACE))
    assert sum(kernel.microseconds for kernel in found) == 4900
    assert {kernel.group for kernel in found} == set(gpu_kernels.GROUPS.values())
    text = markdown(found, steps=2, shown=1)
    assert "| all | 2.45 | 4 |" in text
    assert "| convolutions, gradient of the weights | 1.50 | 0 |" in text
    assert "| convolutions, gradient of the inputs | 0.50 | 0 |" in text
    assert text.endswith("| `wgrad_alg0_engine<float, 128>` | 1.50 | 0 |")
