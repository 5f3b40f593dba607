# The image in which every step of the Kubeflow pipeline runs (docs/pipelines.md):
#
#     docker build --tag akp-keras:0.1.0 .
#     docker build --tag akp-keras:0.1.0-gpu --build-arg TENSORFLOW='tensorflow[and-cuda]' .

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY akp_keras akp_keras
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
ARG TENSORFLOW=tensorflow
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=3
WORKDIR /app
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Of the locked versions, those that the wheel and Kubeflow need.
COPY requirements.txt ./
COPY --from=build /wheels /wheels
RUN python -m pip install --no-cache-dir --constraint requirements.txt \
        "${TENSORFLOW}" "$(echo /wheels/*.whl)[dask,kfp]" \
    && rm -r /wheels
COPY components components
COPY pipelines pipelines
RUN useradd --create-home --uid 1000 akp
USER 1000
CMD ["python", "-m", "akp_keras.main", "--help"]
