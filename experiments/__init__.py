"""One file = one question: `sweep()` says what to run, `report(rows)` what the runs say.

Imports nothing: loading one experiment loads no other.
"""
