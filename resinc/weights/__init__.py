"""Weights of other frameworks: files -> named arrays -> the variables of our networks, and back."""
