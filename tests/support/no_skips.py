"""In CI a skipped test is a failure, unless it belongs to another operating system."""

import os

import pytest

ALLOWED = "only on "
"""A skip reason that starts so names the platform that the test is for."""


class NoSkips:
    """Collects the skips of a session and fails it when there are any that count.

    Where several processes share the tests out, the one that started the others gets their reports,
    and its exit code is the session's.
    """

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember a file that skips itself."""
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a skipped test."""
        if not hasattr(report, "wasxfail"):
            self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if not report.skipped:
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(ALLOWED):
            self.skipped.append(f"{report.nodeid}: {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn skips into the session's failure."""
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests must not have been skipped."""
        for line in self.skipped:
            terminalreporter.write_line(f"skipped in CI: {line}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Watch for skips where CI says so."""
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(NoSkips(), "pollwatch-no-skips")
