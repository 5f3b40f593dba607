"""The operations that a SavedModel can run, read from its graphs without loading it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# Operations of TensorFlow 2.21 that write or read files of the graph's choice, or call what is
# outside the graph: Python, another process, a data base.
_UNSAFE = re.compile(
    r"""(?x)
    WriteFile | ReadFile | (Experimental)?MatchingFiles(Dataset)? | WholeFileReader(V2)?
    | Save(Slices|V2)? | MergeV2Checkpoints | SaveDataset(V2)? | DistributedSave
    | (Experimental)?DatasetToTFRecord | SnapshotDataset(V2)? | CacheDataset(V2)?
    | CreateSummary(File|Db)Writer | Debug(Identity|NumericSummary)(V2|V3)? | DebugNanCount
    | (Eager)?PyFunc(Stateless)? | RemoteCall | _?(Host)?(Send|Recv) | DataServiceDataset(V[234])?
    | (Experimental)?SqlDataset | ConfigureDistributedTPU | FileSystemSetConfiguration
    """
)
# Collections of a graph of TensorFlow 1 that name what runs when it is loaded.
_RUN_WHEN_LOADED = ("saved_model_main_op", "legacy_init_op")


def unsafe_operations(saved_model: str | Path) -> tuple[str, ...]:
    """Return the operations that reach beyond the model and may run when it is loaded or called.

    Such are operations that write or read files of the graph's choice, or call Python or other
    processes. The graph that writes the model's own checkpoint is part of every SavedModel and is
    run only by who saves it again: it does not count.

    Args:
        saved_model: folder of a SavedModel.

    Returns:
        Their names, sorted; none if the file cannot be parsed, so that nothing can be loaded.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel()
    try:
        model.ParseFromString((Path(saved_model) / "saved_model.pb").read_bytes())
    except DecodeError:
        return ()
    nodes = (node for graph in model.meta_graphs for node in _runnable(graph))
    return tuple(sorted({node.op for node in nodes if _is_unsafe(node)}))


def _is_unsafe(node: NodeDef) -> bool:
    printed = node.attr["output_stream"].s if node.op == "PrintV2" else b""
    return bool(_UNSAFE.fullmatch(node.op)) or printed.startswith(b"file:")


def _runnable(graph: MetaGraphDef) -> Iterator[NodeDef]:
    """Yield what runs when signatures are called or the graph is loaded, functions included."""
    library = graph.graph_def.library.function
    functions = {function.signature.name: function.node_def for function in library}
    called = [name for name in graph.object_graph_def.concrete_functions if name in functions]
    seen = set(called)
    waiting = [*_needed(graph), *(node for name in called for node in functions[name])]
    while waiting:
        node = waiting.pop()
        yield node
        for name in _called(node):
            if name in functions and name not in seen:
                seen.add(name)
                waiting.extend(functions[name])


def _needed(graph: MetaGraphDef) -> Iterator[NodeDef]:
    """Yield the nodes, outside functions, on which the graph's outputs and its loading depend."""
    nodes = {node.name: node for node in graph.graph_def.node}
    waiting = list(_outputs(graph))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop().removeprefix("^").partition(":")[0]
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        yield nodes[name]
        waiting.extend(nodes[name].input)


def _outputs(graph: MetaGraphDef) -> Iterable[str]:
    for signature in graph.signature_def.values():
        for output in signature.outputs.values():
            yield from _tensors(output)
    for name in _RUN_WHEN_LOADED:
        yield from graph.collection_def[name].node_list.value
    yield graph.saver_def.restore_op_name


def _tensors(output: object) -> Iterator[str]:
    yield output.name
    yield from (component.name for component in output.composite_tensor.components)
    coo = output.coo_sparse
    yield from (coo.values_tensor_name, coo.indices_tensor_name, coo.dense_shape_tensor_name)


def _called(node: NodeDef) -> Iterator[str]:
    """Yield the names of functions that a node may call, among others."""
    yield node.op
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)
