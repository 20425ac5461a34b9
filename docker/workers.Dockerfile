# Load generators on other machines: docs/how-to/load-from-several-machines.md. `bench workers manifest` uses this image.
# docker build --file docker/workers.Dockerfile --tag chatbench-workers:1.0 .
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS packages
COPY requirements-cluster.txt requirements-build.txt /
# No bytecode: its time stamps would make every build different.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes --requirement /requirements-build.txt \
 && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes --requirement /requirements-cluster.txt
COPY pyproject.toml README.md LICENSE /source/
COPY bench /source/bench
COPY chatstack /source/chatstack
COPY baselines /source/baselines
COPY scenarios /source/scenarios
RUN /venv/bin/pip install --no-cache-dir --no-compile --no-deps --no-build-isolation /source

FROM ${PYTHON_IMAGE}
COPY --from=packages /venv /venv
WORKDIR /work
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
CMD ["bench", "workers", "join", "--help"]
