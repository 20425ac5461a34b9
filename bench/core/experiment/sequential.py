"""How the error rate of an experiment is divided among its tests and looks, and when its blocks end.

After each block from the smallest number on, all claims are tested again. Every test at every look has an
equal part of the error rate, so by the union bound all intervals together, at all looks, miss the truth with
at most this rate, for any noise and for any reason to stop (Bonferroni; Lan and DeMets, 1983).
"""

from collections.abc import Sequence

from bench.core.experiment.claim_range import ClaimVerdict
from bench.core.experiment.experiment_result import ClaimTest

CLAIM_ALPHA = 0.05
"""Probability of a wrong verdict on any claim of an experiment, over all variants, loads and looks."""
EFFECT_ALPHA = 0.05
"""Probability of a wrong verdict on any effect of a variant, over all quantities, loads and looks."""


def alpha_of_test(alpha: float, tests: int, block_limits: tuple[int, int]) -> float:
    """Return the error rate of one test at one look.

    Args:
        alpha: Error rate of all tests at all looks.
        tests: Number of tests.
        block_limits: Smallest and largest number of blocks.
    """
    least, most = block_limits
    return alpha / max(1, tests) / (most - least + 1)


def explain_end(tests: Sequence[ClaimTest], blocks: int, block_limits: tuple[int, int]) -> str | None:
    """Return why the blocks of a scenario at a load end; None to measure another one."""
    least, most = block_limits
    if blocks < least:
        return None
    if all(test.verdict is not ClaimVerdict.INCONCLUSIVE for test in tests):
        return "each claim has a verdict" if tests else f"{blocks} blocks are planned without a claim"
    return f"{most} blocks are the largest number" if blocks >= most else None
