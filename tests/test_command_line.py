"""How commands end: one line and an exit code per kind of error."""

import errno
import os
import pickle
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import tensorflow as tf

from akp_keras.command_line import Command, run_command
from akp_keras.failures import MembersFailed, WorkFailed, named_file
from akp_keras.files.whole import whole_file, write_json
from akp_keras.tensorflow_runtime import machine_errors


def end(work):
    """Returns the exit code of a command that does the work."""
    return run_command(Command("akp x", "", lambda values: None, (), lambda values: work()), [])


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("--epochs=0 is wrong"), 2, "--epochs=0 is wrong"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.npz"), 2, "a.npz: No such file"),
        (
            OSError(errno.ENOSPC, "No space left on device", "RUN/a"),
            1,
            "RUN/a: No space left on device; run again to resume",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "RUN/a"),
            1,
            "RUN/a: Disk quota exceeded; run again to resume",
        ),
        (
            MemoryError(),
            1,
            "out of memory; run again to resume, with fewer --workers if it happens again",
        ),
        (
            BrokenProcessPool(),
            1,
            "a worker process died, perhaps for lack of memory; run again to resume, with fewer "
            "--workers if it happens again",
        ),
        (CancelledError(), 1, "the cluster cancelled a task; run again to resume"),
        (WorkFailed("the cluster\nis gone"), 1, "the cluster is gone; run again to resume"),
        (
            ImportError("a.so: failed to map segment from shared object"),
            1,
            "out of memory: a library cannot be imported (a.so: failed to map segment from shared "
            "object); run again to resume, with fewer --workers if it happens again",
        ),
        (
            ImportError("No module named 'x'"),
            1,
            "a library cannot be imported (No module named 'x'); run again to resume",
        ),
        (
            MembersFailed("1 of 2 members failed: a/0 (dead)"),
            3,
            "1 of 2 members failed: a/0 (dead)",
        ),
        (KeyboardInterrupt(), 130, "interrupted; run again to resume"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_kind_of_error_has_its_exit_code_and_one_line(error, code, line, capsys):
    assert end(raising(error)) == code
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"akp x: {line}\n")


def test_what_is_done_although_members_failed_is_shown(capsys):
    assert end(raising(MembersFailed("1 of 2 members failed", "the table"))) == 3
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("the table\n", "akp x: 1 of 2 members failed\n")


def test_a_fault_of_the_program_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        end(lambda: 1 // 0)


def test_a_full_disk_is_named_by_the_file_that_was_written(tmp_path, capsys):
    def work():
        with whole_file(tmp_path / "a.json"), Path("/dev/full").open("w") as full:
            full.write("x" * 100)

    assert end(work) == 1
    line = f"akp x: {tmp_path / 'a.json'}: {os.strerror(errno.ENOSPC)}; run again to resume\n"
    assert capsys.readouterr().err == line
    assert list(tmp_path.iterdir()) == []


def test_errors_that_name_a_file_keep_it(tmp_path):
    with pytest.raises(FileNotFoundError) as error, named_file("other"):
        (tmp_path / "none").read_text()
    assert error.value.filename == str(tmp_path / "none")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, capsys):
    (tmp_path / "a.json").mkdir()
    assert end(lambda: write_json(tmp_path / "a.json", {})) == 2
    assert f"{tmp_path / 'a.json'} is a folder, where a file is to be" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            tf.errors.ResourceExhaustedError(
                None, None, "RUN/variables_temp/part; No space left on device\n" + 60 * "a line\n"
            ),
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        ),
        (
            tf.errors.UnknownError(None, None, "RUN/part: Input/output error"),
            OSError(errno.EIO, os.strerror(errno.EIO)),
        ),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "Graph execution error:\n\nOOM when allocating a tensor\n  File x"
            ),
            MemoryError("OOM when allocating a tensor"),
        ),
    ],
)
def test_errors_of_tensorflow_for_lack_of_disk_or_memory_are_those_of_python(error, expected):
    with pytest.raises(type(expected)) as raised, machine_errors():
        raise error
    # It crosses processes, and brings no TensorFlow along.
    assert pickle.loads(pickle.dumps(raised.value)).args == expected.args
    assert raised.value.__cause__ is None


def test_other_errors_of_tensorflow_stay_what_they_are():
    with pytest.raises(tf.errors.InvalidArgumentError), machine_errors():
        raise tf.errors.InvalidArgumentError(None, None, "shapes do not fit")
