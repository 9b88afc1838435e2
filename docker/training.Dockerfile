# The toolbox: training, the operator's CLI and the embedded model server, all that needs TensorFlow or the repository.
#   docker build -f docker/training.Dockerfile -t vitrine-training .
#   docker run --rm vitrine-training python -m serving --help
# For a build that repeats bit by bit, give the digest too: --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
COPY requirements/tensorflow.txt requirements/no-deps.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /venv \
    && pip="python -m pip --python /venv/bin/python install --disable-pip-version-check --only-binary :all: --require-hashes" \
    && $pip -r /build/tensorflow.txt \
    && $pip --no-deps -r /build/no-deps.txt
COPY contract /app/contract
COPY serving /app/serving
COPY training /app/training
RUN python -m compileall -q /app

FROM ${PYTHON_IMAGE}
# What writes a training's report as PDF, and a font for it. Debian keeps one version of each.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends fonts-dejavu-core libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/*
# A new named volume takes the owner of the directory that it covers. pip and its like go: /venv needs none of them.
RUN install -d -o 10001 -g 10001 /models /runs \
    && python -m pip uninstall --yes --root-user-action ignore setuptools wheel pip
COPY --from=builder /venv /venv
COPY --from=builder /app /app
COPY --chmod=755 docker/seed.sh /usr/local/bin/seed
# Started in /, the commands' own defaults, `models` and `runs`, are the two volumes.
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MODEL_REPOSITORY=/models \
    KERAS_HOME=/runs/.keras \
    MPLCONFIGDIR=/tmp/matplotlib \
    TF_CPP_MIN_LOG_LEVEL=2 \
    HOME=/tmp
WORKDIR /
USER 10001:10001
CMD ["python", "-m", "training", "--help"]
