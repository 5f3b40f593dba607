"""Every kind of file of a run, spoilt in every way: it is seen, and mended or refused."""

import contextlib
import io
import itertools
import json
import re
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from akp_keras.main import akp, main
from akp_keras.steps.provenance import lineage, verify
from akp_keras.steps.run_directory import RunDirectory

# A pattern for each kind of file; the first file that matches is spoilt.
KINDS = (
    "experiment.json",
    "steps.json",
    "probe.npz",
    "data.json",
    "members/*/*/checksums.json",
    "members/*/*/history.csv",
    "members/*/*/saved_model/saved_model.pb",
    "members/*/*/saved_model/fingerprint.pb",
    "members/*/*/saved_model/assets.extra/akp.json",
    "members/*/*/saved_model/variables/variables.index",
    "members/*/*/saved_model/variables/variables.data*",
    "similarity/*/*.npz",
    "similarity.csv",
    "similarity.parquet",
    "summary.json",
    "dispersion.json",
    "principle.json",
    "verdict.json",
    "report/index.html",
    "report/figures/*.svg",
    "tensorboard/akp_tensorboard.json",
    "tensorboard/*/events*",
    "tensorboard/*/*.tsv",
    "tensorboard/*/projector_config.pbtxt",
    "tensorboard/*/*.bookmarks.json",
    "tensorboard/members/*/*/*.tsv",
    ".representations/*/[!.]*/*.npy",
    ".representations/*/*/taken.json",
    ".representations/*/.inputs/*.npy",
    ".representations/*/.inputs/names.json",
)


def truncate(path, other):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path, other):
    path.write_bytes(b"")


def flip(path, other):
    content = bytearray(path.read_bytes())
    place = zlib.crc32(path.name.encode()) % len(content)
    content[place] ^= 1 << place % 8
    path.write_bytes(content)


def become_a_folder(path, other):
    path.unlink()
    path.mkdir()


def be_of_another_run(path, other):
    path.write_bytes(other)


def delete(path, other):
    path.unlink()


WAYS = (truncate, empty, flip, become_a_folder, be_of_another_run, delete)
# Two ways for each kind, so that each is met by many kinds.
SOME = [
    (kind, WAYS[(number + shift) % len(WAYS)])
    for number, kind in enumerate(KINDS)
    for shift in (0, 3)
]


def first(run_dir, kind):
    return next(path for path in sorted(run_dir.glob(kind)) if path.is_file())


def changed(path):
    """The bytes of a valid file of the same kind with other contents."""
    if path.suffix == ".npz":
        arrays = dict(np.load(path))
        name = next(name for name, array in arrays.items() if array.dtype.kind == "f")
        arrays[name] = arrays[name] * 0.9
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()
    if path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, np.load(path) * np.float32(0.9))
        return buffer.getvalue()
    # In text, another digit; elsewhere, the file of a longer training.
    text = path.read_bytes()
    number = re.search(rb"[1-8](?=[0-9]{3})|[1-8]", text)
    if number is None:
        return text + b"\n"
    return text[: number.start()] + b"9" + text[number.end() :]


@contextlib.contextmanager
def spoilt(run_dir, kind, way):
    """Spoils one file in place, and puts it back."""
    path = first(run_dir, kind)
    kept, other = path.read_bytes(), changed(path)
    way(path, other)
    try:
        yield path
    finally:
        if path.is_dir():
            path.rmdir()
        path.write_bytes(kept)


@pytest.fixture(scope="module")
def copied(finished, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("copied") / "RUN"
    shutil.copytree(finished[0], run_dir)
    return RunDirectory(run_dir)


def test_what_nobody_touched_is_as_it_was_written_and_verdicts_say_what_they_rest_on(copied):
    checked, *verdicts = verify(copied)
    assert re.search(r"\d+ files and 4 members are as they were written", checked)
    assert len(verdicts) == 3 * 2
    digest = json.loads(copied.records.read_text())["probe_set"]["files"]["probe.npz"]
    for line in verdicts:
        assert re.match(r"dense\d, (cka.linear|procrustes.angular): across ", line)
        assert "the 4 members (trained with akp_keras " in line
        assert f"probe.npz (sha256 {digest[:12]})" in line


@pytest.mark.parametrize(("kind", "way"), SOME, ids=lambda value: getattr(value, "__name__", value))
def test_whatever_is_spoilt_is_seen(copied, kind, way):
    with spoilt(copied.root, kind, way) as path, pytest.raises(ValueError) as error:
        verify(copied)
    member = re.search(r"members/\w+/\d", str(path))
    inputs = re.search(r".*/\.inputs", str(path))
    taken = path.parent if ".representations" in path.parts else path
    named = member[0] if member else inputs[0] if inputs else str(taken)
    if way is not be_of_another_run and path.name != "steps.json":
        assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_ends_with_one_line_and_exit_code_2(copied, capsys):
    assert akp(["verify", str(copied.root)]) == 0
    assert "as they were written" in capsys.readouterr().out
    with spoilt(copied.root, "dispersion.json", be_of_another_run):
        assert akp(["verify", str(copied.root)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"akp verify: {copied.dispersion} is not as it was written; run the experiment again\n"
    )
    for arguments in ([], ["a", "b"], [str(copied.root / "none")]):
        assert akp(["verify", *arguments]) == akp(["lineage", *arguments]) == 2


def test_files_that_the_run_did_not_write_are_seen_among_its_products(copied):
    extra = copied.similarity / "dense1" / "rsa.spearman.npz"
    shutil.copy(copied.similarity / "dense1" / "cka.linear.npz", extra)
    try:
        with pytest.raises(ValueError, match=r"rsa\.spearman\.npz was not written by the run"):
            verify(copied)
    finally:
        extra.unlink()


def test_products_of_other_inputs_are_seen_although_each_file_is_as_it_was_written(copied):
    kept = copied.records.read_bytes()
    records = json.loads(kept)
    records["similarity_evaluator"]["inputs"]["probe"]["probe.npz"] = "0" * 64
    records["dispersion_test"]["settings"]["alpha"] = 0.2
    copied.records.write_text(json.dumps(records))
    try:
        with pytest.raises(ValueError) as error:
            verify(copied)
    finally:
        copied.records.write_bytes(kept)
    assert "similarity_evaluator was run on other probe than those of the run" in str(error.value)
    assert "dispersion_test was run with other settings than those of" in str(error.value)


def test_the_lineage_leads_from_the_report_to_every_member_and_the_data(copied, capsys):
    lines = lineage(copied)
    assert lines[0].startswith("report/ (")
    text = "\n".join(lines)
    for step in ("report", "dispersion_test", "similarity_evaluator", "probe_set"):
        assert f"by {step}: " in text
    assert "dataset=wisconsin_breast_cancer" in text
    assert len(re.findall(r"(control|swapped)/[01], random seed \d+ \(sha256", text)) == 4
    assert akp(["lineage", str(copied.root)]) == 0
    assert capsys.readouterr().out == text + "\n"


def run_again(flagfile, run_dir):
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = main([f"--flagfile={flagfile}", f"--run_dir={run_dir}"])
    return code, err.getvalue().strip().splitlines()


def contents(run_dir):
    """The bytes of all files but the cache of representations.

    The page names its run directory, which is another for a copy, and steps.json the page's digest.
    """
    files = (path for path in sorted(run_dir.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(run_dir)): path.read_bytes()
        for path in files
        if ".representations" not in path.parts and path.name not in ("index.html", "steps.json")
    }


MEMBERS = [(kind, way) for kind, way in SOME if kind.startswith("members/")]


@pytest.mark.parametrize(
    ("kind", "way"), MEMBERS, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_run_refuses_a_spoilt_member_by_its_name(copied, flagfile, kind, way):
    with spoilt(copied.root, kind, way) as path:
        code, (line,) = run_again(flagfile, copied.root)
    assert code == 2
    assert re.search(r"members/\w+/\d", str(path))[0] in line


def test_a_run_mends_a_file_of_every_product_to_the_same_bytes(copied, flagfile, tmp_path):
    run_dir = tmp_path / "RUN"
    shutil.copytree(copied.root, run_dir)
    before = contents(run_dir)
    mended = [kind for kind in KINDS if not kind.startswith(("members/", "experiment"))]
    for kind, way in zip(mended, itertools.cycle(WAYS)):
        path = first(run_dir, kind)
        # A folder in the place of steps.json is refused.
        (way if path.name != "steps.json" else truncate)(path, changed(path))
    code, lines = run_again(flagfile, run_dir)
    assert code == 0, lines
    after = contents(run_dir)
    assert [name for name in {**before, **after} if before.get(name) != after.get(name)] == []
    verify(RunDirectory(run_dir))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_mends_or_refuses_whatever_is_spoilt(copied, flagfile, tmp_path, kind, way):
    run_dir = tmp_path / "RUN"
    shutil.copytree(copied.root, run_dir)
    before = contents(run_dir)
    path = first(run_dir, kind)
    way(path, changed(path))
    # A valid record of representations that does not fit the models only has them made again.
    is_record = path.name in ("taken.json", "names.json") and way is be_of_another_run
    with contextlib.nullcontext() if is_record else pytest.raises(ValueError):
        verify(RunDirectory(run_dir))
    code, lines = run_again(flagfile, run_dir)
    if code == 0:
        assert contents(run_dir) == before
        verify(RunDirectory(run_dir))
    else:
        assert code == 2 and len(lines) == 1
        assert Path(*path.parts[-3:]).parts[0] in lines[0] or path.name in lines[0]
