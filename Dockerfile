# One image for the web server (the default command) and for workers (`python -m workers`).

FROM python:3.12-slim AS build
COPY requirements.txt .
COPY library/requirements.txt library/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements.txt -r library/requirements.txt

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /srv/dtq --shell /usr/sbin/nologin dtq
RUN install --directory --owner=10001 --mode=0700 /var/lib/dtq
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/dtq
COPY config.py setting_values.py environment.py wsgi.py gunicorn.conf.py ./
COPY dtq dtq
COPY app app
COPY workers workers
COPY library/dtq_library dtq_library
COPY templates templates
COPY static static
RUN python -m compileall -q .
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 WEB_BIND=0.0.0.0:8000 WORKER_STATE_DIR=/var/lib/dtq
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["gunicorn", "wsgi:app"]
