# The serving image: Python, the hashed dependencies of requirements/serve.txt (no TensorFlow), the four rooms.
# Build:  docker build -t prunus .
# Run:    docker run --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 -v prunus-data:/data prunus
FROM python:3.11.14-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/prunus/venv
# Dependencies first: they change less often than the program, so their layer is reused.
COPY requirements/serve.txt /tmp/serve.txt
RUN /opt/prunus/venv/bin/python -m pip install --require-hashes --only-binary=:all: -r /tmp/serve.txt \
 && /opt/prunus/venv/bin/python -m pip uninstall --yes pip setuptools \
 && find /opt/prunus/venv -type d -name tests -prune -exec rm -rf {} +
COPY graph /opt/prunus/src/graph
COPY pruning /opt/prunus/src/pruning
COPY engine /opt/prunus/src/engine
COPY app /opt/prunus/src/app
COPY LICENSE /opt/prunus/src/LICENSE
# Byte code is written here because the image is read-only later; hashes, so that file times do not matter.
RUN /opt/prunus/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/prunus

FROM python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="Prunus" \
      org.opencontainers.image.description="Prunes Keras models, compiles them to sparse CPU code, and serves them" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

RUN groupadd --gid 10001 prunus \
 && useradd --uid 10001 --gid prunus --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin prunus \
 && install --directory --owner prunus --group prunus --mode 0700 /data
COPY --from=build /opt/prunus /opt/prunus

# All addresses of the container; which of them can be reached from outside is for the port mapping to say.
ENV PATH="/opt/prunus/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PRUNUS_DATA_DIR=/data \
    PRUNUS_LOG_FORMAT=json \
    PRUNUS_SANDBOX=required \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /opt/prunus/src
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health/ready', timeout=2)"]
ENTRYPOINT ["python", "-m", "app.cli"]
CMD ["serve"]
