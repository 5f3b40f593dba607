"""Prints everything that a verdict depends on, as a tree.

python -m pipelines.lineage VERDICT_URI --metadata=ROOT/metadata.sqlite

VERDICT_URI is the URI of any artifact in the metadata store: of the test's outcome, which the
pipeline prints when it ends, or of matrices, a member or a report. Without --metadata, the store
is searched for in the folders above the URI.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from absl import flags

from akp_keras.command_line import Command, run_command
from akp_keras.settings.flags import list_under
from akp_keras.steps.provenance import Line, draw_tree
from pipelines.settings import require_extra

if TYPE_CHECKING:
    from ml_metadata import proto
    from ml_metadata.metadata_store import MetadataStore

METADATA_FILE = "metadata.sqlite"
_MEMBER = "TrainedMember"
# What TFX records about an artifact or execution for its own use.
_OWN = {"tfx_version", "is_external", "state", "name", "producer_component", "pipeline_name"}


def main(arguments: Sequence[str]) -> int:
    """Print the lineage of the artifact named on the command line; return the exit code."""

    def define(values: flags.FlagValues) -> None:
        text = f"The SQLite file of ML Metadata, ROOT/{METADATA_FILE}."
        holder = flags.DEFINE_string("metadata", None, text, flag_values=values)
        list_under(values, "lineage", holder)

    command = Command(
        program="pipelines.lineage",
        description=__doc__,
        define_flags=define,
        stages=["lineage"],
        work=_run,
        resume="run again",
        positional=True,
    )
    return run_command(command, arguments)


def _run(values: flags.FlagValues, named: Sequence[str]) -> str:
    if len(named) != 1:
        raise ValueError(
            f"expected one URI, got {len(named)}: "
            f"python -m pipelines.lineage VERDICT_URI --metadata=ROOT/{METADATA_FILE}"
        )
    require_extra("ml_metadata", "tfx")
    uri = _as_stored(named[0])
    store = open_store(values.metadata or _store_above(uri))
    return "\n".join(lineage(store, uri))


def open_store(path: str | Path) -> MetadataStore:
    """Open a metadata store for reading; raise a ValueError if the file is not a store."""
    from ml_metadata import errors
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    if not Path(path).is_file():
        raise ValueError(f"--metadata={path} is not a file")
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    try:
        store = MetadataStore(config)
        store.get_artifact_types()
    except (errors.StatusError, RuntimeError) as error:
        raise ValueError(f"--metadata={path} is not a store of ML Metadata") from error
    return store


def newest_output(metadata: str | Path, kind: str) -> proto.Artifact:
    """Return the newest artifact of a type that a step made or took from the cache."""
    store = open_store(metadata)
    for run in reversed(store.get_executions()):
        for event in store.get_events_by_execution_ids([run.id]):
            (artifact,) = store.get_artifacts_by_id([event.artifact_id])
            if _is_output(event) and artifact.type == kind:
                return artifact
    raise ValueError(f"--metadata={metadata} holds no {kind}")


def executions(metadata: str | Path) -> list[tuple[str, str]]:
    """Return (node, "COMPLETE", "CACHED", "FAILED" or "RUNNING") per execution, oldest first."""
    from ml_metadata.proto import metadata_store_pb2

    store = open_store(metadata)
    state = metadata_store_pb2.Execution.State.Name
    return [
        (context.name.partition(".")[2], state(execution.last_known_state))
        for execution in store.get_executions()
        for context in store.get_contexts_by_execution(execution.id)
        if context.type == "node"
    ]


def lineage(store: MetadataStore, uri: str) -> Iterator[str]:
    """Yield the lineage of an artifact, line by line.

    Args:
        store: the metadata store.
        uri: URI of the artifact.

    Yields:
        The lines of the tree: below an artifact the execution that made it, with its parameters,
        and below that its inputs. Members are listed by family, with the seed of their weights.

    Raises:
        ValueError: if no artifact has this URI.
    """
    artifacts = store.get_artifacts_by_uri(uri.rstrip("/"))
    if not artifacts:
        raise ValueError(f"no artifact in the metadata store has the URI {uri}")
    for line in _made(store, [artifacts[-1]], set()):
        yield from draw_tree(line)


def _made(
    store: MetadataStore, artifacts: Sequence[proto.Artifact], shown: set[int]
) -> Iterator[Line]:
    """Yield artifacts, grouped by execution, with what they were made from."""
    by_execution: dict[int | None, list[proto.Artifact]] = {}
    for artifact in artifacts:
        by_execution.setdefault(_maker(store, artifact), []).append(artifact)
    for maker, group in by_execution.items():
        members = [artifact for artifact in group if artifact.type == _MEMBER]
        heads = [_artifact_text(artifact) for artifact in group if artifact.type != _MEMBER]
        if members:
            family, schedule = (
                members[0].properties[name].string_value for name in ("family", "schedule")
            )
            heads.append(f"Family {family} ({len(members)} members): {schedule}")
        if maker is None or maker in shown:
            remark = "made outside the pipeline" if maker is None else "see above"
            yield from ((f"{head} ({remark})", ()) for head in heads)
            continue
        shown.add(maker)
        events = store.get_events_by_execution_ids([maker])
        inputs = dict.fromkeys(event.artifact_id for event in events if not _is_output(event))
        by_id = {artifact.id: artifact for artifact in store.get_artifacts_by_id(list(inputs))}
        below = tuple(_made(store, [by_id[number] for number in inputs], shown))
        listed = [(_member_text(member), ()) for member in members]
        yield from ((head, ()) for head in heads[:-1])
        yield heads[-1], ((_execution_text(store, maker), below), *listed)


def _maker(store: MetadataStore, artifact: proto.Artifact) -> int | None:
    """Return the execution that wrote an artifact: the first, as later ones used the cache."""
    events = store.get_events_by_artifact_ids([artifact.id])
    return min((event.execution_id for event in events if _is_output(event)), default=None)


def _is_output(event: proto.Event) -> bool:
    from ml_metadata.proto import metadata_store_pb2

    return event.type == metadata_store_pb2.Event.OUTPUT


def _artifact_text(artifact: proto.Artifact) -> str:
    facts = [f"{name} {_plain(value)}" for name, value in sorted(artifact.properties.items())]
    return artifact.type + (f" ({', '.join(facts)})" if facts else "") + f": {artifact.uri}"


def _member_text(member: proto.Artifact) -> str:
    family, seed, random_seed = (
        _plain(member.properties[name]) for name in ("family", "seed", "random_seed")
    )
    return f"{family}/{seed}, random seed {random_seed}: {member.uri}"


def _execution_text(store: MetadataStore, number: int) -> str:
    (execution,) = store.get_executions_by_id([number])
    parameters = {
        name: _plain(value)
        for name, value in sorted(execution.custom_properties.items())
        if name not in _OWN and not name.startswith("__")
    }
    version = parameters.pop("code_version", "unknown")
    settings = ", ".join(f"{name}={value}" for name, value in parameters.items() if value != "")
    kind = execution.type.rpartition(".")[2]
    return f"by {kind}, execution {number}, code version {version}: {settings}"


def _plain(value: proto.Value) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _as_stored(uri: str) -> str:
    """Return the URI of an artifact as the store records it: an absolute path on this machine."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return os.path.abspath(unquote(parts.path))  # noqa: PTH100 - links are not followed
    return uri if "://" in uri else os.path.abspath(uri)  # noqa: PTH100


def _store_above(uri: str) -> Path:
    for folder in Path(uri).absolute().parents:
        if (folder / METADATA_FILE).is_file():
            return folder / METADATA_FILE
    raise ValueError(f"no {METADATA_FILE} above {uri}; name the store with --metadata=FILE")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
