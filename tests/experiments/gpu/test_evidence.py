"""Short runs on a GPU are those of `make evidence`, on the data that was carried."""

import os

from experiments.gpu import carry, device, evidence


def test_all_that_is_typed_goes_to_the_experiments_on_cifar10(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "visible_devices", lambda: ("0",))
    monkeypatch.setattr(carry, "join", lambda pieces, folder: None)
    monkeypatch.setattr(carry, "DATA", tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", "")  # Which is set, and set back behind the test.
    typed = []
    monkeypatch.setattr(evidence.evidence, "main", lambda words: typed.append(words) or 7)
    assert evidence.main(["--devices", "0,0"]) == 7
    assert typed == [["--dataset=cifar10", "--devices", "0,0"]]
    assert os.environ["TFDS_DATA_DIR"] == str(tmp_path)


def test_data_that_is_there_needs_no_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "visible_devices", lambda: ("0",))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(evidence.evidence, "main", lambda words: 0)
    assert evidence.main([]) == 0
    assert os.environ["TFDS_DATA_DIR"] == str(tmp_path)
