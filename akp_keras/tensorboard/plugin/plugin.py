"""The back end of the page: serves its files and the data of TensorBoard's data provider.

It reads neither files of the log directory nor the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from tensorboard import errors, plugin_util
from tensorboard.backend import http_util
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from akp_keras.tensorboard.plugin.names import PLUGIN_NAME

if TYPE_CHECKING:
    from importlib.abc import Traversable

    import numpy as np

_KINDS = {".js": "application/javascript", ".css": "text/css"}
_LONGEST_QUERY = 4096
_LARGEST_STEP = 2**63 - 1
# TensorBoard keeps fewer steps of a tag, unless it is configured to keep all.
_MOST_STEPS = 1000


class AkpPlugin(base_plugin.TBPlugin):
    """Serves the page and its data.

    Routes, below `data/plugin/akp`:

    - `/tags`: {run: [tag, …]} of everything that `akp_keras.tensorboard.plugin_data` wrote.
    - `/data?run=…&tag=…[&step=…]`: the JSON of that tag at that step, or written last.
    - `/<name>.js`, `/<name>.css`: the files of the page.

    Status codes: 400 for a request without run or tag, with another parameter or with a step that
    is not a 64-bit integer; 404 for an unknown path, run, tag or step; 405 for methods other than
    GET and HEAD; 414 for a query of more than 4096 characters; 422 for data that are not JSON; 500
    for data that cannot be read. The body of each is {"error": message}.
    """

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        super().__init__(context)
        self._provider = context.data_provider

    def get_plugin_apps(self) -> Mapping[str, Callable[..., Any]]:
        """Return the routes."""
        apps = {
            f"/{file.name}": _answering(_file_answer(file, _KINDS[suffix]))
            for file in (resources.files("akp_keras.tensorboard.plugin") / "static").iterdir()
            if (suffix := PurePath(file.name).suffix) in _KINDS
        }
        return {**apps, "/tags": _answering(self._tags), "/data": _answering(self._data)}

    def is_active(self) -> bool:
        """Return False: TensorBoard asks its data provider instead."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        """Return the plugin names whose data make the page active."""
        return (PLUGIN_NAME,)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Return the location of the page's script and the title of its tab."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="Families")

    def _tags(self, request: wrappers.Request) -> wrappers.Response:
        tensors = self._provider.list_tensors(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=PLUGIN_NAME,
        )
        tags = {run: sorted(series) for run, series in sorted(tensors.items())}
        return http_util.Respond(request, tags, "application/json")

    def _data(self, request: wrappers.Request) -> wrappers.Response:
        run, tag, step = _parameters(request)
        tensors = self._provider.read_tensors(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=PLUGIN_NAME,
            downsample=_MOST_STEPS,
            run_tag_filter=provider.RunTagFilter(runs=[run], tags=[tag]),
        )
        series = tensors.get(run, {}).get(tag)
        if not series:
            raise _RefusedError(404, "unknown run or tag")
        wanted = series[-1:] if step is None else [datum for datum in series if datum.step == step]
        if not wanted:
            raise _RefusedError(404, f"this tag has no step {step}")
        return http_util.Respond(request, _checked_text(wanted[-1].numpy), "application/json")


class _RefusedError(Exception):
    """A request that is answered with a status code and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _answering(
    answer: Callable[[wrappers.Request], wrappers.Response],
) -> Callable[..., Any]:
    @wrappers.Request.application
    def serve(request: wrappers.Request) -> wrappers.Response:
        try:
            if request.method not in ("GET", "HEAD"):
                raise _RefusedError(405, f"{request.method} is not possible here")
            if len(request.query_string) > _LONGEST_QUERY:
                raise _RefusedError(414, f"a query has at most {_LONGEST_QUERY} characters")
            return answer(request)
        except _RefusedError as refused:
            return _refuse(request, refused.code, str(refused))
        except errors.PublicError as error:
            return _refuse(request, error.http_code, str(error))
        # A tag that cannot be read must not affect the page and the other tags.
        except Exception as error:
            return _refuse(request, 500, f"the data could not be read: {error}")

    return serve


def _file_answer(file: Traversable, kind: str) -> Callable[[wrappers.Request], wrappers.Response]:
    return lambda request: http_util.Respond(request, file.read_bytes(), kind)


def _parameters(request: wrappers.Request) -> tuple[str, str, int | None]:
    parameters = request.args.to_dict(flat=False)
    repeated = any(len(values) > 1 for values in parameters.values())
    if repeated or not set(parameters) <= {"run", "tag", "step"}:
        raise _RefusedError(400, "the parameters are run, tag and step, each once")
    run, tag, step = (request.args.get(name) for name in ("run", "tag", "step"))
    if not run or not tag:
        raise _RefusedError(400, "the parameters run and tag are needed")
    if step is None:
        return run, tag, None
    if not re.fullmatch(r"-?[0-9]{1,19}", step, re.ASCII) or abs(int(step)) > _LARGEST_STEP:
        raise _RefusedError(400, "a step is an integer of 64 bits")
    return run, tag, int(step)


def _checked_text(tensor: np.ndarray) -> str:
    try:
        text = tensor.item().decode("utf-8")
        json.loads(text, parse_constant=_refuse_constant)
    except (AttributeError, ValueError, RecursionError) as error:
        raise _RefusedError(422, f"the data of this tag are damaged: {error}") from error
    return text


def _refuse(request: wrappers.Request, code: int, message: str) -> wrappers.Response:
    return http_util.Respond(request, {"error": message}, "application/json", code=code)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")
