"""From a config to a trained network in a folder that survives being killed.

`loop` is to be read first: batches come from a source of `resinc.data`, are trained on by a program
(`compiled`; one step of one replica: `replica`), and what comes back goes to recorders
(`recording`, `checkpoints`) into the folder of the run (`resinc.runs`). `start` says where a run
goes on, `distributed` makes many devices and processes one, `trained` asks a network that is done.
"""
