"""The retry budget, which keeps retries from multiplying an overload."""


class RetryBudget:
    """Allows a share of the questions to be asked again, and a reserve for quiet times.

    Of N questions, at most `reserve + ratio * N` are retries, however many of them fail.

    Args:
        ratio: Retries per question.
        reserve: Largest number of retries that can be saved up. The budget begins with it.
    """

    def __init__(self, ratio: float, reserve: float) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._saved = reserve

    def deposit(self) -> None:
        """Count a new question."""
        self._saved = min(self._reserve, self._saved + self._ratio)

    def withdraw(self) -> bool:
        """Return whether one more retry is allowed, and count it."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
