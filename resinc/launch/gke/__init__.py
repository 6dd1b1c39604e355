"""Kubernetes on GKE: a JobSet for each run, given and followed by kubectl."""
