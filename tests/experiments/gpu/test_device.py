"""No command that needs a GPU begins without one."""

import pytest

from experiments.gpu import __main__ as gpu
from experiments.gpu import device


@pytest.mark.parametrize("word", sorted(gpu.WORK.keys() - {"carry"}))
def test_without_a_gpu_it_does_not_begin(word, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device, "visible_devices", lambda: ())
    assert gpu.main([word]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"experiments.gpu {word}: JAX has no GPU here")
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())
