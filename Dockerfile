# Skerry's image: `docker build -t skerry:0.1.0 .`
#
# The last stage is what is built by default; `--target dev` is for `skaffold dev` (docs/kubernetes.md).
# What the stages before it need (pip's downloads, hatchling) stays behind in them.
ARG BASE_IMAGE=python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS base

# What Skerry runs on, by the locks. A stage of its own, so that a changed source file neither
# installs nor ships these 300 MB again.
FROM base AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/runtime.txt /build/
RUN python3 -m venv --without-pip /opt/skerry
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip --python /opt/skerry/bin/python install --no-compile --require-hashes \
    --requirement /build/runtime.txt
# Their tests are a third of them, and what compilers and editors read is of no use here. Bytecode
# that Python need not hold against its source spares a look at each file at every start, and is
# there though nothing can be written.
RUN find /opt/skerry -type d \( -name tests -o -name test -o -name __pycache__ \) -prune -exec rm -rf {} + \
    && find /opt/skerry -type f -regex '.*\.\(pyi\|pyx\|pxd\|pxi\|h\|hpp\|c\|cpp\|a\)' -delete \
    && /opt/skerry/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/skerry/lib

# Skerry itself, laid out below /staged as it will lie in the image.
FROM dependencies AS package
COPY requirements/build.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /build/venv \
    && python3 -m pip --python /build/venv/bin/python install --require-hashes --requirement /build/build.txt
COPY pyproject.toml README.md LICENSE /build/skerry/
COPY src /build/skerry/src
RUN python3 -m pip --python /build/venv/bin/python wheel --no-deps --no-build-isolation \
    --wheel-dir /build /build/skerry \
    && python3 -m pip --python /opt/skerry/bin/python install --no-deps --no-compile --root /staged /build/*.whl \
    && python3 -m compileall -q --invalidation-mode unchecked-hash -s /staged /staged/opt/skerry/lib
COPY examples /staged/opt/skerry/examples

FROM base AS runtime
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Skerry" \
      org.opencontainers.image.description="A model server for fitted scikit-learn models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=dependencies /opt/skerry /opt/skerry
COPY --from=package /staged /
# PIP_PYTHON: `pip install` in an image made from this one installs beside Skerry.
ENV PATH=/opt/skerry/bin:$PATH \
    PIP_PYTHON=/opt/skerry/bin/python \
    PYTHONDONTWRITEBYTECODE=1 \
    SKERRY_HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["skerry"]
CMD ["serve"]

# For `skaffold dev`: the server runs from a copy of the sources in /app, and is started again
# whenever one of them changes.
FROM runtime AS dev
COPY src /opt/skerry/source
COPY --chmod=755 k8s/dev/reload.sh /opt/skerry/bin/skerry-reload
USER root
RUN install -d -o 10001 -g 10001 /app
USER 10001:10001
ENTRYPOINT ["skerry-reload"]
CMD ["serve"]

FROM runtime AS production
