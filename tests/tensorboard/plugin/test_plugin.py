import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard import errors
from tensorboard.backend import application
from tensorboard.backend.event_processing.data_ingester import (
    DEFAULT_SIZE_GUIDANCE,
    DEFAULT_TENSOR_SIZE_GUIDANCE,
)
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.util.tensor_util import make_tensor_proto
from werkzeug.test import Client

import akp_keras
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.plugin.plugin import AkpPlugin

ROUTE = "/data/plugin/akp"


def serve(logdir, wrap=lambda provider: provider):
    """TensorBoard itself with this one page, so that routing and headers are the real ones.

    It keeps as many steps of a tag as `tensorboard --load_fast=false` does.
    """
    events = EventMultiplexer(
        tensor_size_guidance=DEFAULT_TENSOR_SIZE_GUIDANCE, size_guidance=DEFAULT_SIZE_GUIDANCE
    ).AddRunsFromDirectory(str(logdir))
    events.Reload()
    provider = wrap(MultiplexerDataProvider(events, str(logdir)))
    plugin = AkpPlugin(TBContext(data_provider=provider, logdir=str(logdir)))
    return Client(application.TensorBoardWSGI([plugin], data_provider=provider))


@pytest.fixture(scope="module")
def client(page_data):
    return serve(page_data.logdir)


def a_summary(tag, data):
    summary = Summary()
    summary.value.add(
        tag=tag,
        tensor=make_tensor_proto(data, dtype=np.object_),
        metadata=SummaryMetadata(
            data_class=DATA_CLASS_TENSOR,
            plugin_data=SummaryMetadata.PluginData(plugin_name="akp"),
        ),
    )
    return summary


def test_the_page_is_found_active_and_named(client):
    listing = client.get("/data/plugins_listing").json["akp"]
    assert listing["enabled"] is True
    assert listing["tab_name"] == "Families"


def get(client, tag):
    return client.get(f"{ROUTE}/data", query_string={"run": "00_models", "tag": tag}).json


def test_tags_are_those_that_were_written(client, page_data):
    in_names = {"cka.linear": "cka.linear", "knn.jaccard[k=10,cosine]": "knn.jaccard_k_10_cosine"}
    expected = {
        "dispersion",
        "members",
        "pictures",
        *(f"matrix/{layer}/{in_names[measure]}" for layer, measure in page_data.matrices),
        *(f"trajectory/{layer}/{in_names[measure]}" for layer, measure in page_data.trajectories),
        *(f"sample_factors/dense/{name}" for name in page_data.representations),
    }
    assert client.get(f"{ROUTE}/tags").json == {"00_models": sorted(expected)}


@pytest.mark.parametrize("layer", ["stem", "dense"])
def test_a_matrix_comes_as_it_was_given(client, page_data, layer):
    key = (layer, "knn.jaccard[k=10,cosine]")
    found = get(client, f"matrix/{layer}/knn.jaccard_k_10_cosine")
    matrix = page_data.matrices[key]
    assert (found["layer"], found["measure"]) == key
    assert tuple(found["members"]) == matrix.members
    np.testing.assert_allclose(found["values"], matrix.values, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found["distances"], matrix.distances, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(
        found["coordinates"], page_data.coordinates[key][:, :2], rtol=1e-6, atol=1e-12
    )


def test_members_come_as_they_were_given(client, page_data):
    for found, member in zip(get(client, "members"), page_data.members, strict=True):
        assert (found["name"], found["family"]) == (member.name, member.family)
        assert found["swaps"] == [dict(swap) for swap in member.swaps[1:]]
        assert found["accuracy"] == pytest.approx(member.metrics["test_accuracy"], rel=1e-6)


def test_trajectories_dispersions_and_factors_come_as_they_were_given(client, page_data):
    np.testing.assert_allclose(
        np.array(get(client, "trajectory/dense/cka.linear")["coordinates"], dtype=float),
        page_data.trajectories["dense", "cka.linear"].coordinates,
        rtol=1e-6,
    )
    dispersions = {(found["layer"], found["measure"]): found for found in get(client, "dispersion")}
    assert set(dispersions) == set(page_data.outcomes)
    for key, outcome in page_data.outcomes.items():
        assert dispersions[key]["verdict"] == outcome.verdict
        means = {found["family"]: found["mean"] for found in dispersions[key]["families"]}
        assert means == pytest.approx(outcome.dispersion, rel=1e-6)
    factor = get(client, "sample_factors/dense/memoriser/2")
    halves = np.frombuffer(base64.b64decode(factor["data"]), "<f2").astype(float)
    halves = halves.reshape(factor["samples"], factor["factors"])
    rows = page_data.representations["memoriser/2"]
    rows = rows - rows.mean(axis=0)
    gram = rows @ rows.T
    np.testing.assert_allclose(halves @ halves.T, gram / np.linalg.norm(gram), atol=2e-3)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 400),
        ("?run=00_models", 400),
        ("?tag=members", 400),
        ("?run=&tag=members", 400),
        ("?run=00_models&tag=" + "x" * 5000, 414),
        ("?run=nobody&tag=members", 404),
        ("?run=00_models&tag=nothing", 404),
        ("?run=..%2F..%2Fetc&tag=passwd", 404),
        ("?run=00_models&tag=about", 404),
        ("?run=00_models&tag=..%2F00_models%2Fmembers", 404),
        ("?run=%2Fetc%2Fpasswd&tag=members", 404),
        ("?run=00_models&tag=members%00", 404),
        ("?run=00_models&tag=members&file=%2Fetc%2Fpasswd", 400),
        ("?run=00_models&run=01_layers&tag=members", 400),
    ],
)
def test_what_is_not_there_has_its_status_code(client, query, code):
    answer = client.get(f"{ROUTE}/data{query}")
    assert answer.status_code == code
    assert answer.json["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../plugin.py",
        "/..%2Fplugin.py",
        "/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/index.js/../../plugin.py",
        "/plugin.py",
        "/static/",
        "/static/index.js",
        "/",
    ],
)
def test_no_other_file_is_served(client, path):
    assert client.get(f"{ROUTE}{path}").status_code == 404


@pytest.mark.parametrize("data", [b"{", b"[NaN]", b"\xff", np.float32(3)])
def test_damaged_data_of_one_run_leave_the_others(tmp_path, data):
    tensor_type = np.object_ if isinstance(data, bytes) else np.float32
    damaged = a_summary("members", b"")
    damaged.value[0].tensor.CopyFrom(make_tensor_proto(data, dtype=tensor_type))
    write_event_file(tmp_path / "damaged", [(0, damaged)], wall_time=1.0)
    write_event_file(tmp_path / "sound", [(0, a_summary("members", b"[]"))], wall_time=1.0)
    client = serve(tmp_path)
    assert client.get(f"{ROUTE}/tags").json == {"damaged": ["members"], "sound": ["members"]}
    answer = client.get(f"{ROUTE}/data?run=damaged&tag=members")
    assert answer.status_code == 422
    assert "damaged" in answer.json["error"]
    assert client.get(f"{ROUTE}/data?run=sound&tag=members").json == []


@pytest.mark.parametrize("count", [1, 3, 40])
def test_the_last_step_is_the_one_that_is_shown(tmp_path, count):
    steps = [(3 * step, a_summary("members", json.dumps([step]).encode())) for step in range(count)]
    write_event_file(tmp_path / "run", steps, wall_time=1.0)
    client = serve(tmp_path)
    assert client.get(f"{ROUTE}/data?run=run&tag=members").json == [count - 1]
    last = 3 * (count - 1)
    assert client.get(f"{ROUTE}/data?run=run&tag=members&step={last}").json == [count - 1]


def test_a_step_can_be_asked_for(tmp_path):
    steps = [(step, a_summary("members", json.dumps([step]).encode())) for step in (0, 1, 7)]
    write_event_file(tmp_path / "run", steps, wall_time=1.0)
    client = serve(tmp_path)
    for step in (0, 1, 7):
        assert client.get(f"{ROUTE}/data?run=run&tag=members&step={step}").json == [step]
    for step, code in (
        ("2", 404),
        ("-1", 404),
        ("seven", 400),
        ("1.0", 400),
        ("", 400),
        ("٣", 400),
        ("9" * 19, 400),
        ("9" * 3000, 400),
        ("9" * 5000, 414),
        ("1&step=7", 400),
    ):
        answer = client.get(f"{ROUTE}/data?run=run&tag=members&step={step}")
        assert (step[:20], answer.status_code) == (step[:20], code)
        assert answer.json["error"]


@pytest.mark.parametrize("route", ["/tags", "/data?run=00_models&tag=members", "/index.js"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent(client, route, method):
    answer = client.open(ROUTE + route, method=method, data=b"x" * 100_000)
    assert answer.status_code == 405
    assert answer.json["error"]


class FailingProvider:
    """The data provider of TensorBoard, but for one run."""

    def __init__(self, provider, error):
        self._provider = provider
        self._error = error

    def __getattr__(self, name):
        return getattr(self._provider, name)

    def read_tensors(self, *arguments, run_tag_filter, **more):
        if "damaged" in run_tag_filter.runs:
            raise self._error
        return self._provider.read_tensors(*arguments, run_tag_filter=run_tag_filter, **more)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("the disk is gone"), 500),
        (errors.NotFoundError("no such experiment"), 404),
        (errors.PermissionDeniedError("not yours"), 403),
    ],
)
def test_an_exception_in_one_run_leaves_the_others(tmp_path, error, code):
    for run in ("damaged", "sound"):
        write_event_file(tmp_path / run, [(0, a_summary("members", b"[]"))], wall_time=1.0)
    client = serve(tmp_path, lambda provider: FailingProvider(provider, error))
    answer = client.get(f"{ROUTE}/data?run=damaged&tag=members")
    assert answer.status_code == code
    assert str(error) in answer.json["error"]
    assert client.get(f"{ROUTE}/data?run=sound&tag=members").json == []
    assert client.get(f"{ROUTE}/tags").json == {"damaged": ["members"], "sound": ["members"]}


STATIC = sorted((Path(akp_keras.__file__).parent / "tensorboard/plugin/static").iterdir())


@pytest.mark.parametrize("file", STATIC, ids=lambda file: file.name)
def test_every_file_of_the_page_is_served_and_asks_for_nothing_outside(client, file):
    answer = client.get(f"{ROUTE}/{file.name}")
    assert answer.status_code == 200
    assert answer.data == file.read_bytes()
    assert answer.mimetype == {".js": "application/javascript", ".css": "text/css"}[file.suffix]
    addresses = answer.text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|url\(['\"]?//|@import", addresses)
    modules = re.findall(r"from '\./([a-z]+\.js)'", answer.text)
    assert set(modules) <= {other.name for other in STATIC}


IMPORT = """
import importlib.abc, sys
HEAVY = ("tensorflow", "keras", "jax", "torch", "sklearn", "skbio", "scipy", "matplotlib", "pandas")

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        # TensorBoard itself asks whether TensorFlow is there, and goes on without.
        if name.partition(".")[0] in HEAVY:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Refuse())
import akp_keras.tensorboard.plugin.plugin as plugin
print(plugin.AkpPlugin.plugin_name, sorted(set(HEAVY) & set(sys.modules)))
"""


def test_importing_the_plugin_needs_neither_tensorflow_nor_keras():
    answer = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "akp []"


def test_importing_the_plugin_imports_neither_tensorflow_nor_keras():
    program = (
        "import sys, akp_keras.tensorboard.plugin.plugin\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'skbio', 'scipy'} & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
