"""Find who changed the files of the tiers that a comment names."""

from collections.abc import Mapping, Sequence

from bench.core.report.people import list_people
from bench.core.report.report import find_claim
from bench.core.report.suite import SuiteReport
from bench.errors import ConfigError
from bench.publish.people import list_changes
from bench.render.comment import LOGIN
from bench.store import stacks
from bench.usecases.job import JobConnection


def find_people(report: SuiteReport, connection: JobConnection) -> Mapping[str, Sequence[str]]:
    """Return the logins of the people by tier; empty if the stack declares no files for the tiers.

    The files are those that the default branch declares.

    Args:
        report: The judged suite.
        connection: The connection of the job.
    """
    files = _find_files(report)
    if not files:
        return {}
    context = connection.context
    base = connection.default_branch()
    changes = list_changes(connection.api, context.repository, base, context.run.head_sha)
    return list_people([change for change in changes if LOGIN.fullmatch(change.login)], files)


def _find_files(report: SuiteReport) -> dict[str, Sequence[str]]:
    """Return the declared files of the tiers that the headline names."""
    claim = None if report.lead is None else find_claim(report.lead)
    if report.lead is None or claim is None or not claim.tier_names:
        return {}
    try:
        declared = stacks.load(report.lead.result.fingerprint.stack).files
    except ConfigError:  # the default branch does not have this stack
        return {}
    return {tier: declared[tier] for tier in claim.tier_names if tier in declared}
