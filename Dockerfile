# Pollwatch in one image: the operator, its workers and the command line.

# Any image with Python 3.11 or newer as `python3`, its venv module, and CA certificates.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS builder
# The same as in tools/bootstrap.py.
ARG UV_VERSION=0.13.9
# Where pip and uv keep downloads, from one build to the next.
ENV XDG_CACHE_HOME=/downloads
RUN --mount=type=cache,target=/downloads \
    python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet "uv==${UV_VERSION}"
ENV UV_PROJECT_ENVIRONMENT=/opt/pollwatch \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
WORKDIR /src
# What changes seldom comes first: this layer stays while only the source changes.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/downloads \
    /opt/uv/bin/uv sync --frozen --no-dev --no-install-project --python python3
COPY README.md LICENSE ./
COPY operator operator
# uv would take a wheel that it built before for one of this source, by the age of pyproject.toml.
RUN --mount=type=cache,target=/downloads \
    /opt/uv/bin/uv sync --frozen --no-dev --no-editable --python python3 --refresh-package pollwatch
# What is in it: a bill of materials for scanners (CycloneDX), the licences for people.
RUN --mount=type=cache,target=/downloads \
    UV_PROJECT_ENVIRONMENT=/opt/lists /opt/uv/bin/uv sync --frozen --only-group image --python python3 && \
    mkdir /opt/pollwatch/share/pollwatch -p && cd /opt/pollwatch/share/pollwatch && \
    /opt/lists/bin/cyclonedx-py environment /opt/pollwatch/bin/python --pyproject /src/pyproject.toml \
        --gather-license-texts --output-reproducible --output-file sbom.cdx.json && \
    /opt/lists/bin/pip-licenses --python /opt/pollwatch/bin/python --from=mixed --format=plain-vertical \
        --with-urls --with-license-file --no-license-path --output-file LICENSES.txt
# One of its dependencies is a module for each type of the Kubernetes API; of those it needs a few.
COPY tools/image tools/image
RUN /opt/pollwatch/bin/python tools/image/keep_imported.py kubernetes

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Pollwatch" \
      org.opencontainers.image.description="Synthetic monitoring for Kubernetes that samples every address and knows Degraded from Down" \
      org.opencontainers.image.url="https://pollwatch.dev" \
      org.opencontainers.image.documentation="https://pollwatch.dev" \
      org.opencontainers.image.source="https://github.com/pollwatch/pollwatch" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed in a running container: no pip, and no way back to it.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip \
    /usr/lib/python3*/ensurepip /usr/share/python-wheels
COPY --from=builder /opt/pollwatch /opt/pollwatch
ENV PATH=/opt/pollwatch/bin:${PATH} \
    PYTHONUNBUFFERED=1
# As a number, so that a kubelet can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["pollwatch"]
