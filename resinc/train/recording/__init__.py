"""Where the numbers of a run go: metrics, TensorBoard, terminal, status, provenance."""
