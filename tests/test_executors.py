import os
import signal
import subprocess
import sys
import time
from concurrent.futures import as_completed

import pytest

from akp_keras.executors import open_executor


def test_tasks_run_in_other_processes_with_one_thread_of_linear_algebra():
    with open_executor(2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()
        assert executor.submit(os.getenv, "OPENBLAS_NUM_THREADS").result() == "1"


def test_no_worker_outlives_a_parent_that_is_killed():
    code = (
        "import os, time\n"
        "from akp_keras.executors import open_executor\n"
        "if __name__ == '__main__':\n"
        "    with open_executor(1) as executor:\n"
        "        print(executor.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker waits for a parent that is dead")


def test_a_dask_cluster_takes_the_place_of_the_processes():
    distributed = pytest.importorskip("dask.distributed", reason="the extra 'dask' is missing")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        open_executor(1, cluster.scheduler_address) as executor,
    ):
        tasks = [executor.submit(pow, 2, exponent) for exponent in range(4)]
        assert sorted(task.result() for task in as_completed(tasks)) == [1, 2, 4, 8]
        assert executor.submit(os.getpid).result() != os.getpid()


def test_what_is_not_the_address_of_a_scheduler_is_refused():
    pytest.importorskip("dask.distributed", reason="the extra 'dask' is missing")
    with (
        pytest.raises(ValueError, match="no Dask scheduler answers there"),
        open_executor(1, "nowhere://127.0.0.1:9"),
    ):
        pass
