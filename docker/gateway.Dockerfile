# The gateway: the page and the JSON API. No TensorFlow, no pip, no compiler in it.
#   docker build -f docker/gateway.Dockerfile -t vitrine-gateway .
# For a build that repeats bit by bit, give the digest too: --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
COPY requirements/gateway.txt /build/requirements.txt
# The builder's pip installs into a virtualenv without one: nothing in the running image can install anything.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install \
       --disable-pip-version-check --only-binary :all: --require-hashes -r /build/requirements.txt \
    && find /venv -depth -type d -name tests -exec rm -rf {} + # a tenth of the packages, most of it numpy's
COPY contract /app/contract
COPY gateway /app/gateway
# The root file system is read-only later on, so the byte code has to be there now; without it each start costs more.
RUN python -m compileall -q /app

FROM ${PYTHON_IMAGE}
# The base image's own: scanners find holes in them, and intruders a use for them.
RUN python -m pip uninstall --yes --root-user-action ignore setuptools wheel pip
COPY --from=builder /venv /venv
COPY --from=builder /app /app
# All that the gateway writes lies under /tmp: the metrics of its worker processes and gunicorn's heartbeats.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /app
# A number, not a name, so that Kubernetes can check runAsNonRoot.
USER 10001:10001
EXPOSE 8080
# Requests under way are finished; the exec form of CMD, so that no shell stands between.
STOPSIGNAL SIGTERM
# Only that the process lives; whether a model answers is /readyz, which docker-compose.yml asks.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
CMD ["python", "-m", "gateway"]
