"""Work spread over threads: the same results in the same order, and nothing left behind."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from akp_keras import similarity
from akp_keras.similarity import threads
from akp_keras.similarity.threads import blas_threads, spread, worthwhile_threads

IDS = ["cka.linear", "cka.rbf.debiased", "procrustes.angular", "knn.mutual[k=5,cosine]"]


def numbers_of_blas_threads():
    return {blas["num_threads"] for blas in threadpool_info() if blas["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_blas_threads():
    """The tests run with one BLAS thread, where a limit that stays would not be noticed."""

    def set_threads(count):
        for library in ThreadpoolController().select(user_api="blas").lib_controllers:
            library.set_num_threads(count)
            # Or this thread's number would be a limit, and the first limit holds.
            library.clear_controlling_thread()

    set_threads(2)
    assert numbers_of_blas_threads() == {2}
    yield
    set_threads(1)


def later_first(item):
    time.sleep(0.02 * (3 - item % 3))
    return item * item


def test_results_come_in_the_order_of_the_items():
    with spread(3) as three:
        assert list(three.map(later_first, range(8))) == [n * n for n in range(8)]


def test_no_more_is_under_way_than_is_asked_for():
    taken = []

    def items():
        for item in range(12):
            taken.append(item)
            yield item

    with spread(2) as two:
        for done, _ in enumerate(two.map(later_first, items(), 3), start=1):
            assert len(taken) <= done + 3
    assert len(taken) == 12


def test_nothing_is_spread_twice():
    with spread(2) as two:
        assert threads.current() is two
        inside = list(two.map(lambda _: threads.current().count, range(4)))
    assert inside == [1] * 4
    assert threads.current().count == 1


def test_the_first_error_in_order_is_raised():
    def fail(item):
        if item == 1:
            time.sleep(0.1)
            raise ValueError("the second item")
        if item == 2:
            raise ValueError("the third item")

    with spread(3) as three, pytest.raises(ValueError, match="the second item"):
        list(three.map(fail, range(6)))


def test_what_came_before_an_item_that_cannot_be_taken_fails_first():
    def items():
        yield 0
        yield 1
        raise ValueError("no third item")

    def fail(item):
        time.sleep(0.1)
        if item:
            raise ValueError("the second item")

    with spread(4) as four:
        with pytest.raises(ValueError, match="the second item"):
            list(four.map(fail, items()))
        with pytest.raises(ValueError, match="no third item"):
            list(four.map(str, items()))


def test_the_limit_is_taken_back():
    before = numbers_of_blas_threads()
    with blas_threads(1):
        assert numbers_of_blas_threads() == {1}
        with blas_threads(3):
            assert numbers_of_blas_threads() == {1}
    assert numbers_of_blas_threads() == before


@pytest.mark.parametrize(
    ("members", "each", "threads_at_most"), [(1, 1.0, 1), (3, 1.0, 1), (4, 1.0, 2), (100, 0.6, 1)]
)
def test_threads_are_as_many_as_are_worthwhile(members, each, threads_at_most):
    memory = 1.0 if each < 1 else 1e9
    assert 1 <= worthwhile_threads(members, each, memory) <= threads_at_most
    assert worthwhile_threads(members, each, memory, most=1) == 1


def some_representations(widths):
    rng = np.random.default_rng(0)
    common = rng.normal(size=(150, 6))
    return {
        f"m{i}": common @ rng.normal(size=(6, width)) + rng.normal(size=(150, width))
        for i, width in enumerate(widths)
    }


@pytest.mark.parametrize("widths", [[20] * 9, [20, 31, 7, 150, 200, 1, 20, 20, 40]])
def test_the_number_of_threads_changes_no_byte(widths):
    some = some_representations(widths)
    with threadpool_limits(1, "blas"):
        alone, *others = (
            similarity.pairwise(some, IDS, null=2, threads=count) for count in (1, 2, 4)
        )
    for other in others:
        for id in IDS:
            assert (other[id].values == alone[id].values).all()
            assert (other[id].ranks == alone[id].ranks).all()
            assert (other[id].null.pvalues == alone[id].null.pvalues).all()
            assert (other[id].null.mean == alone[id].null.mean).all()


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_processes_give_the_bytes_of_threads(start):
    some = {name: values[:40] for name, values in some_representations([20] * 6).items()}
    options = {"null": 2, "interval": 0.9, "threads": 2}
    ids = [id for id in IDS if not id.startswith("knn")]
    here = similarity.pairwise(some, ids, **options)
    context = multiprocessing.get_context(start)
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        elsewhere = similarity.pairwise(some, ids, executor=executor, **options)
    for id in ids:
        assert (elsewhere[id].values == here[id].values).all()
        assert (elsewhere[id].null.mean == here[id].null.mean).all()
        assert (elsewhere[id].interval.low == here[id].interval.low).all()


def test_calls_at_the_same_time_leave_the_blas_as_it_was():
    some = some_representations([20] * 9)
    before = numbers_of_blas_threads()
    expected = similarity.pairwise(some, IDS, threads=2)
    for _ in range(3):
        with ThreadPoolExecutor(4) as callers:
            calls = [callers.submit(similarity.pairwise, some, IDS, threads=2) for _ in range(4)]
        for call in calls:
            assert (call.result()[IDS[0]].values == expected[IDS[0]].values).all()
    assert numbers_of_blas_threads() == before


def test_what_breaks_off_leaves_the_blas_as_it_was():
    some = some_representations([20] * 9)
    before = numbers_of_blas_threads()

    def progress(done, total, what):
        if what.startswith("comparing"):
            raise KeyboardInterrupt

    with ThreadPoolExecutor(4) as executor, pytest.raises(KeyboardInterrupt):
        similarity.pairwise(some, IDS, executor=executor, progress=progress, threads=2)
    assert numbers_of_blas_threads() == before


def test_a_function_may_return_the_same_memory_again():
    some = some_representations([20] * 9)
    buffer = np.empty((150, 20))

    def filled_with(values):
        def source():
            buffer[:] = values
            return buffer

        return source

    expected = similarity.pairwise(some, IDS, threads=4)
    lazy = {name: filled_with(x) for name, x in some.items()}
    results = similarity.pairwise(lazy, IDS, threads=4)
    for id in IDS:
        assert (results[id].values == expected[id].values).all()


def test_a_bad_representation_is_named_and_the_limit_is_taken_back():
    some = some_representations([5] * 8)
    some["m2"] = np.ones((150, 5))
    some["m5"] = np.ones((149, 5))
    before = numbers_of_blas_threads()
    with pytest.raises(ValueError, match="'m2' is degenerate"):
        similarity.pairwise(some, IDS, threads=4)
    assert numbers_of_blas_threads() == before
