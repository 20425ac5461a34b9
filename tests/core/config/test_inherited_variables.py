from typing import Any

from bench.core.config.inherited_variables import inherit_environment, inherit_for_load
from bench.core.config.load_variables import select_variables
from tests.factories import make_spec
from tests.journeys import make_journey

NAMES = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "TMPDIR", "TZ")
SECRETS = (
    "OPENAI_API_KEY",
    "JWT_SECRET",
    "AWS_SESSION_TOKEN",
    "HTTPS_PROXY",
    "PYTHON_KEYRING_PASSWORD",
    "MODEL",
)


def test_a_process_gets_no_secret_of_the_shell() -> None:
    """Only what every program needs; a load generator also gets the certificates to trust."""
    environ = dict.fromkeys([*NAMES, *SECRETS, "SSL_CERT_FILE", "OMP_NUM_THREADS"], "x")
    assert inherit_environment(environ).keys() == set(NAMES)
    assert inherit_for_load(environ).keys() == {*NAMES, "SSL_CERT_FILE", "OMP_NUM_THREADS"}


def test_a_load_gets_the_variables_of_its_placeholders() -> None:
    """Those of the target, of its defaults and of the steps, and no others."""
    environ = dict.fromkeys(["KEY", "BACKUP", "SIZE", "USER_PASSWORD", *SECRETS], "x")
    target: dict[str, Any] = {
        "headers": {"authorization": "Bearer ${env.KEY:-${env.BACKUP}}"},
        "body": {"message": "${message}", "options": [{"size": "${env.SIZE:-5}"}], "unset": "${env.NONE:-1}"},
    }
    assert select_variables(make_spec(**target), environ).keys() == {"KEY", "BACKUP", "SIZE"}
    assert select_variables(make_spec(), environ) == {}
    journey = make_journey(
        {"name": "buy", "request": {"method": "POST", "path": "/buy", "json": {"key": "${env.KEY}"}}},
        login={"token": "${env.USER_PASSWORD}"},
    )
    assert select_variables(journey, environ).keys() == {"KEY", "USER_PASSWORD"}
