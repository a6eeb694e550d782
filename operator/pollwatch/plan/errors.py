"""What can be wrong with an encoded Plan."""

from pollwatch.plan.reports import PlanFault


class PlanError(ValueError):
    """A worker cannot take up a plan. The message is one line, for people."""

    def __init__(self, fault: PlanFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class PlanTooLargeError(ValueError):
    """A plan does not fit into what carries it. The message says what to do."""
