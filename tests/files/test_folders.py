import fcntl
import os
import shutil
import stat

import pytest

from akp_keras.files.folders import (
    check_output,
    unfinished_folder,
    whole_folder,
)


def test_work_goes_on_after_an_interruption_if_it_is_the_same(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        unfinished_folder(tmp_path / "out", {"probe": 1}) as folder,
    ):
        (folder / "work").write_text("half")
        raise KeyboardInterrupt
    with unfinished_folder(tmp_path / "out", {"probe": 1}) as folder:
        assert (folder / "work").read_text() == "half"
    with unfinished_folder(tmp_path / "out", {"probe": 2}) as folder:
        assert not (folder / "work").exists()


def test_wrong_input_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="wrong"), unfinished_folder(tmp_path / "out", {}):
        raise ValueError("wrong")
    assert list(tmp_path.iterdir()) == []


def test_two_do_not_work_on_one_output(tmp_path):
    with unfinished_folder(tmp_path / "out", {}) as folder:
        (folder / "work").touch()
        with (
            pytest.raises(ValueError, match=f"is in use by process {os.getpid()} on "),
            unfinished_folder(tmp_path / "out", {"other": 1}),
        ):
            pass
        assert (folder / "work").exists()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


@pytest.mark.parametrize("first", [whole_folder, lambda output: unfinished_folder(output, {})])
def test_whoever_writes_an_output_whole_does_not_disturb_another(tmp_path, first):
    with first(tmp_path / "out") as folder:
        (folder / "work").touch()
        with (
            pytest.raises(ValueError, match=f"out is in use by process {os.getpid()} on "),
            whole_folder(tmp_path / "out"),
        ):
            pass
        assert (folder / "work").exists()


def test_a_whole_folder_appears_at_the_end_or_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "out") as folder:
        (folder / "work").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with whole_folder(tmp_path / "elsewhere") as folder:
        (folder / "work").touch()
        shutil.copytree(folder.parent, tmp_path / "out.unfinished")  # as a kill would leave it
    shutil.rmtree(tmp_path / "elsewhere")
    with whole_folder(tmp_path / "out") as folder:
        assert not (folder / "work").exists()
        (folder / "other").touch()
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "other"]


@pytest.mark.parametrize("work", [whole_folder, lambda output: unfinished_folder(output, {})])
def test_what_somebody_else_put_there_is_not_touched(tmp_path, work):
    other = tmp_path / "out.unfinished"
    other.mkdir()
    (other / "precious").write_text("mine")
    with (
        pytest.raises(ValueError, match=r"out\.unfinished is in the way"),
        work(tmp_path / "out"),
    ):
        pass
    assert (other / "precious").read_text() == "mine"


def test_an_output_that_is_there_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "empty")
    (tmp_path / "file").touch()
    for name in (tmp_path, tmp_path / "file"):
        with pytest.raises(ValueError, match="already exists"):
            check_output(name)


def test_an_output_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is not a folder that can be written to"):
        check_output(tmp_path / "file" / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(ValueError, match="is not a folder that can be written to"):
        check_output(tmp_path / "out")
