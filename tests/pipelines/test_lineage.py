"""Lineage read from a store that is written by hand."""

import pytest

from pipelines.lineage import executions, lineage, main, newest_output, open_store

pytest.importorskip("ml_metadata", reason="ml-metadata is not installed")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    path = tmp_path_factory.mktemp("store") / "metadata.sqlite"
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    written = MetadataStore(config)

    def artifact(kind, uri, **properties):
        types = mlmd.ArtifactType(name=kind)
        values = {}
        for name, value in properties.items():
            number = isinstance(value, int)
            types.properties[name] = mlmd.INT if number else mlmd.STRING
            values[name] = mlmd.Value(**{"int_value" if number else "string_value": value})
        type_id = written.put_artifact_type(types)
        made = mlmd.Artifact(type_id=type_id, uri=f"{path.parent}/{uri}", properties=values)
        return written.put_artifacts([made])[0]

    def execution(kind, inputs, outputs, state=mlmd.Execution.COMPLETE, **parameters):
        type_id = written.put_execution_type(mlmd.ExecutionType(name=f"components.x.{kind}"))
        values = {name: mlmd.Value(string_value=value) for name, value in parameters.items()}
        made = mlmd.Execution(type_id=type_id, custom_properties=values, last_known_state=state)
        number = written.put_executions([made])[0]
        node = written.put_context_type(mlmd.ContextType(name="node"))
        ids = [c.id for c in written.get_contexts_by_type("node") if c.name == f"akp.{kind}"]
        (context,) = ids or written.put_contexts([mlmd.Context(type_id=node, name=f"akp.{kind}")])
        written.put_attributions_and_associations(
            [], [mlmd.Association(context_id=context, execution_id=number)]
        )
        written.put_events(
            [
                mlmd.Event(execution_id=number, artifact_id=item, type=kind)
                for kind, items in ((mlmd.Event.INPUT, inputs), (mlmd.Event.OUTPUT, outputs))
                for item in items
            ]
        )
        return number

    members = [
        artifact(
            "TrainedMember", f"late/{n}", family="late", seed=n, random_seed=70 + n, schedule="@0 x"
        )
        for n in range(2)
    ]
    execution("FamilyTrainer", [], members, dataset="cells", seed="4", code_version="c0de")
    inputs = artifact("SimilarityMatrices", "external")
    outcome = artifact("DispersionOutcome", "outcome", verdict="AKP")
    test = {"control": "late", "code_version": "c0de"}
    execution("DispersionTest", [inputs, *members], [outcome], **test)
    execution("DispersionTest", [inputs, *members], [outcome], state=mlmd.Execution.CACHED, **test)
    return path


def test_it_walks_from_the_verdict_to_members_seeds_and_data(store):
    root = store.parent
    assert list(lineage(open_store(store), f"{root}/outcome")) == [
        f"DispersionOutcome (verdict AKP): {root}/outcome",
        "└─ by DispersionTest, execution 2, code version c0de: control=late",
        f"   ├─ SimilarityMatrices: {root}/external (made outside the pipeline)",
        "   └─ Family late (2 members): @0 x",
        "      ├─ by FamilyTrainer, execution 1, code version c0de: dataset=cells, seed=4",
        f"      ├─ late/0, random seed 70: {root}/late/0",
        f"      └─ late/1, random seed 71: {root}/late/1",
    ]


def test_the_command_finds_the_store_above_the_uri(store, capsys):
    assert main([f"{store.parent}/outcome"]) == 0
    printed = capsys.readouterr().out
    assert main([f"{store.parent}/outcome/", f"--metadata={store}"]) == 0
    assert capsys.readouterr().out == printed
    assert "late/1, random seed 71" in printed


@pytest.mark.parametrize("uri", ["outcome", "./external/../outcome", "file://{root}/outcome"])
def test_uris_and_flags_are_taken_in_all_their_forms(store, capsys, monkeypatch, uri):
    monkeypatch.chdir(store.parent)
    assert main([uri.format(root=store.parent), "--metadata", str(store)]) == 0
    assert capsys.readouterr().out.startswith("DispersionOutcome (verdict AKP)")


def test_the_newest_output_may_come_from_the_cache(store):
    newest = newest_output(store, "DispersionOutcome")
    assert newest.uri == f"{store.parent}/outcome"
    assert newest.properties["verdict"].string_value == "AKP"
    with pytest.raises(ValueError, match="holds no ExperimentReport"):
        newest_output(store, "ExperimentReport")
    assert executions(store) == [
        ("FamilyTrainer", "COMPLETE"),
        ("DispersionTest", "COMPLETE"),
        ("DispersionTest", "CACHED"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected one URI, got 0"),
        (["a", "b"], "expected one URI, got 2"),
        (["{root}/other"], "no artifact in the metadata store has the URI {root}/other"),
        (["/nowhere/outcome"], "no metadata.sqlite above /nowhere/outcome"),
        (["x", "--metadata=/nowhere.sqlite"], "--metadata=/nowhere.sqlite is not a file"),
        (["x", "--metadata={root}/text.sqlite"], "text.sqlite is not a store of ML Metadata"),
    ],
)
def test_wrong_input_ends_in_one_line(store, capsys, arguments, message):
    (store.parent / "text.sqlite").write_text("no database")
    assert main([text.format(root=store.parent) for text in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pipelines.lineage: ")
    assert message.format(root=store.parent) in line
