#!/usr/bin/env bash
# Installs bench and its runtime requirements into the environment $1, each package checked by its hash.
# If the environment came from a cache, only bench itself is installed.
set -euo pipefail
environment=$1
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ ! -x "$environment/bin/uv" ]; then
  # Without a pip of its own, which takes most of the time to make an environment.
  "${PYTHON:-python3}" -m venv --without-pip "$environment"
  "${PYTHON:-python3}" -m pip --python "$environment/bin/python" install --quiet --disable-pip-version-check --require-hashes \
    --requirement "$source/requirements-build.txt"
  VIRTUAL_ENV=$environment "$environment/bin/uv" pip install --quiet --require-hashes --requirement "$source/requirements.txt"
fi
VIRTUAL_ENV=$environment "$environment/bin/uv" pip install --quiet --no-deps --no-build-isolation --reinstall-package chatbench "$source"
"$environment/bin/bench" --version
