# One image for backend, agent and simulated model; ROLE selects one.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS packages
COPY requirements.txt /
# No bytecode: its time stamps would make every build different.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes --requirement /requirements.txt

FROM ${PYTHON_IMAGE}
COPY --from=packages /venv /venv
COPY bench/__init__.py bench/errors.py /app/bench/
COPY bench/mock /app/bench/mock
COPY bench/timing /app/bench/timing
COPY chatstack /app/chatstack
WORKDIR /app
ENV HOST=0.0.0.0 PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
# A variable, not an argument: a compose file then names no command, which another image may lack.
CMD ["sh", "-c", "exec python -m chatstack \"$ROLE\""]
