# Backend, agent and simulated model: one image; ROLE says which.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS packages
COPY requirements.txt /
# Without bytecode, whose times would make every build another one.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes --requirement /requirements.txt

FROM ${PYTHON_IMAGE}
COPY --from=packages /venv /venv
COPY chatstack /app/chatstack
WORKDIR /app
ENV HOST=0.0.0.0 PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
# By a variable and not by an argument, so that a compose file need not name a command that another image has not.
CMD ["sh", "-c", "exec python -m chatstack \"$ROLE\""]
