"""Counts of the crash suite by situation, printed behind the tests (-p tests.crash.counts)."""

from collections import defaultdict

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if marker := item.get_closest_marker("crash"):
            item.user_properties.append(("situation", marker.args[0]))


def pytest_terminal_summary(terminalreporter) -> None:
    rows = defaultdict(lambda: {"passed": 0, "failed": 0, "skipped": 0})
    details = []
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.getreports(outcome):
            properties = dict(report.user_properties)
            if "situation" in properties:
                rows[properties["situation"]][outcome] += 1
            if "crash" in properties:
                name = report.nodeid.rpartition("[")[2].rstrip("]")
                details.append(f"{name}: {properties['crash']}")
    terminalreporter.section("crash suite: tests that passed, failed, were skipped")
    for situation, row in sorted(rows.items()):
        terminalreporter.line("  ".join(f"{count:4}" for count in row.values()) + f"  {situation}")
    for line in details:
        terminalreporter.line(line)
