import json
import subprocess
import sys

import numpy as np
import pytest
from tensorboard.backend import application
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.util.tensor_util import make_tensor_proto
from werkzeug.test import Client

from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.plugin.plugin import AkpPlugin

ROUTE = "/data/plugin/akp"


def serve(logdir):
    """TensorBoard itself with this one page, so that routing and headers are the real ones."""
    events = EventMultiplexer().AddRunsFromDirectory(str(logdir))
    events.Reload()
    provider = MultiplexerDataProvider(events, str(logdir))
    plugin = AkpPlugin(TBContext(data_provider=provider, logdir=str(logdir)))
    return Client(application.TensorBoardWSGI([plugin], data_provider=provider))


@pytest.fixture(scope="module")
def client(written):
    return serve(written.logdir)


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


def test_tags_are_those_of_the_experiment(client):
    assert client.get(f"{ROUTE}/tags").json == {
        "00_models": [
            "dispersion",
            *(
                f"matrix/{layer}/{measure}"
                for layer in ("block1", "dense")
                for measure in ("cka.linear", "knn.jaccard_k_10_cosine")
            ),
            "members",
        ]
    }


@pytest.mark.parametrize("layer", ["block1", "dense"])
def test_a_matrix_comes_as_it_was_given(client, written, layer):
    tag = f"matrix/{layer}/knn.jaccard_k_10_cosine"
    found = client.get(f"{ROUTE}/data", query_string={"run": "00_models", "tag": tag}).json
    matrix = written.matrix(layer, "knn.jaccard[k=10,cosine]")
    assert (found["layer"], found["measure"]) == (layer, "knn.jaccard[k=10,cosine]")
    assert tuple(found["members"]) == matrix.members
    np.testing.assert_allclose(found["values"], matrix.values, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found["distances"], matrix.distances, rtol=1e-6, atol=1e-12)
    assert np.shape(found["coordinates"]) == (12, 2)


def test_members_and_dispersion_come_as_they_were_given(client, written):
    members = client.get(f"{ROUTE}/data?run=00_models&tag=members").json
    for found, member in zip(members, written.arguments["members"], strict=True):
        assert (found["name"], found["family"]) == (member.name, member.family)
        assert found["swaps"] == [dict(swap) for swap in member.swaps[1:]]
        assert found["accuracy"] == pytest.approx(member.metrics["test_accuracy"], rel=1e-6)
    dispersion = client.get(f"{ROUTE}/data?run=00_models&tag=dispersion").json
    assert [entry["layer"] for entry in dispersion] == ["block1", "dense"]
    for entry in dispersion:
        expected = written.arguments["dispersion"][entry["layer"]]
        found = {family["family"]: family["mean"] for family in entry["families"]}
        assert found == pytest.approx(expected)


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
    ],
)
def test_what_is_not_there_has_its_status_code(client, query, code):
    answer = client.get(f"{ROUTE}/data{query}")
    assert answer.status_code == code
    assert answer.json["error"]


@pytest.mark.parametrize("path", ["/../plugin.py", "/..%2Fplugin.py", "/plugin.py", "/static/"])
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


def test_the_last_step_is_the_one_that_is_shown(tmp_path):
    steps = [(step, a_summary("members", json.dumps([step]).encode())) for step in (0, 1, 7)]
    write_event_file(tmp_path / "run", steps, wall_time=1.0)
    assert serve(tmp_path).get(f"{ROUTE}/data?run=run&tag=members").json == [7]


@pytest.mark.parametrize(
    ("path", "kind"), [("/index.js", "application/javascript"), ("/style.css", "text/css")]
)
def test_the_page_asks_for_nothing_outside(client, path, kind):
    answer = client.get(f"{ROUTE}{path}")
    assert answer.status_code == 200
    assert answer.mimetype == kind
    addresses = answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in addresses
    assert "https://" not in addresses


def test_importing_the_plugin_imports_neither_tensorflow_nor_keras():
    program = (
        "import sys, akp_keras.tensorboard.plugin.plugin\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'skbio', 'scipy'} & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
