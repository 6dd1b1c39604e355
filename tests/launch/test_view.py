"""The lines of a sweep whose output goes into a file."""

from resinc.launch.view import SweepView


def test_cells_held_back_are_told_when_they_become_more(capsys):
    view = SweepView(total=9, workers=1)
    looks = [{}, {"Resources": 1}, {"Resources": 3}, {"Resources": 2}, {"Resources": 3}]
    looks += [{"Resources": 3, "Priority": 1}, {"Priority": 1}, {"Resources": 1, "Priority": 1}]
    said = []
    for why in looks:
        view.waiting(why)
        said.append(capsys.readouterr().out.replace("[0/9] waiting   ", "").splitlines())
    assert said == [
        [],
        ["1 in the queue: Resources"],
        ["3 in the queue: Resources"],
        [],
        [],
        ["1 in the queue: Priority"],
        [],
        ["1 in the queue: Resources"],
    ]
