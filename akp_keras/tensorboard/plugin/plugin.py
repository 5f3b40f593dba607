"""The back end of the page: its files, and the data that TensorBoard's data provider has.

It reads nothing else: no file of the log directory, no network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from tensorboard import plugin_util
from tensorboard.backend import http_util
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from akp_keras.tensorboard.plugin.names import PLUGIN_NAME

_FILES = {"/index.js": "application/javascript", "/style.css": "text/css"}
_LONGEST_NAME = 1000


class AkpPlugin(base_plugin.TBPlugin):
    """Serves the page and its data.

    Routes, below `data/plugin/akp`:

    - `/tags`: {run: [tag, …]} of everything that `akp_keras.tensorboard.plugin_data` wrote.
    - `/data?run=…&tag=…`: the JSON written last under that tag. 400 without run or tag or with
      an overlong one, 404 where there is nothing, 422 where it is not JSON.
    """

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        super().__init__(context)
        self._provider = context.data_provider

    def get_plugin_apps(self) -> Mapping[str, Callable[..., Any]]:
        """Gives the routes."""
        files = {path: _file_app(path, kind) for path, kind in _FILES.items()}
        return {**files, "/tags": self._serve_tags, "/data": self._serve_data}

    def is_active(self) -> bool:
        """Leaves the question to TensorBoard, which asks its data provider."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        """Names whose data make the page active."""
        return (PLUGIN_NAME,)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Says where the page's script is and what its tab is called."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="Families")

    @wrappers.Request.application
    def _serve_tags(self, request: wrappers.Request) -> wrappers.Response:
        found = self._provider.list_tensors(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=PLUGIN_NAME,
        )
        tags = {run: sorted(series) for run, series in sorted(found.items())}
        return http_util.Respond(request, tags, "application/json")

    @wrappers.Request.application
    def _serve_data(self, request: wrappers.Request) -> wrappers.Response:
        run, tag = request.args.get("run"), request.args.get("tag")
        if not run or not tag or max(len(run), len(tag)) > _LONGEST_NAME:
            return _refuse(request, 400, "the parameters run and tag are needed")
        found = self._provider.read_tensors(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=PLUGIN_NAME,
            downsample=1000,
            run_tag_filter=provider.RunTagFilter(runs=[run], tags=[tag]),
        )
        series = found.get(run, {}).get(tag)
        if not series:
            return _refuse(request, 404, "there is no such run or tag")
        try:
            text = series[-1].numpy.item().decode("utf-8")
            json.loads(text, parse_constant=_refuse_constant)
        except (AttributeError, ValueError) as error:
            return _refuse(request, 422, f"the data of this tag are damaged: {error}")
        return http_util.Respond(request, text, "application/json")


def _file_app(path: str, kind: str) -> Callable[..., Any]:
    @wrappers.Request.application
    def serve(request: wrappers.Request) -> wrappers.Response:
        file = resources.files("akp_keras.tensorboard.plugin") / "static" / path.lstrip("/")
        return http_util.Respond(request, file.read_bytes(), kind)

    return serve


def _refuse(request: wrappers.Request, code: int, message: str) -> wrappers.Response:
    return http_util.Respond(request, {"error": message}, "application/json", code=code)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
