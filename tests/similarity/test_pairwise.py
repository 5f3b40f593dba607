"""The engine: loading, blocks, executors, memory, errors."""

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from akp_keras import similarity
from akp_keras.similarity import Representation, spectrum
from akp_keras.similarity.centring import unit
from akp_keras.similarity.factors import Factors

STEP_A = ["cka.linear", "cka.linear.debiased", "procrustes.angular"]


@pytest.fixture
def representations():
    rng = np.random.default_rng(3)
    common = rng.normal(size=(40, 6))
    return {
        f"m{i}": common @ rng.normal(size=(6, width)) + rng.normal(size=(40, width))
        for i, width in enumerate((5, 9, 60, 9, 1, 33))
    }


def test_the_import_is_light():
    code = (
        "import sys; import akp_keras.similarity as s; s.list_measures();"
        "heavy = ('tensorflow', 'keras', 'sklearn', 'skbio', 'pandas', 'ot');"
        "print([name for name in heavy if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == "[]", printed.stderr


def test_pairwise_holds_what_compare_gives(representations):
    results = similarity.pairwise(representations, STEP_A)
    names = list(representations)
    for id in STEP_A:
        values = results[id].values
        assert results[id].names == tuple(names)
        assert values.dtype == np.float64 and values.shape == (6, 6)
        np.testing.assert_array_equal(values, values.T)
        for i in range(6):
            for j in range(6):
                pair = similarity.compare(representations[names[i]], representations[names[j]], id)
                assert values[i, j] == pytest.approx(pair, abs=5e-8)


def test_distances_are_exactly_symmetric_with_a_zero_diagonal(representations):
    for result in similarity.pairwise(representations, STEP_A).values():
        for form in result.declaration.distances:
            distances = result.distance(form)
            assert distances.dtype == np.float64
            np.testing.assert_array_equal(np.diagonal(distances), 0.0)
            np.testing.assert_array_equal(distances, distances.T)
            assert (distances[~np.eye(6, dtype=bool)] > 0).all()
    cka = similarity.pairwise(representations, ["cka.linear"])["cka.linear"]
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(cka.distance()[off], np.sqrt(2 - 2 * cka.values)[off], rtol=1e-12)
    np.testing.assert_allclose(cka.distance("angle")[off], np.arccos(cka.values)[off], rtol=1e-12)
    with pytest.raises(ValueError, match=r"no distance form 'cord'.*did you mean 'chord'"):
        cka.distance("cord")


def test_samples_features_and_ranks_are_reported(representations):
    representations["low"] = representations["m0"][:, [0, 1, 0, 1, 0]]
    result = similarity.pairwise(representations, ["cka.linear"])["cka.linear"]
    assert result.samples == 40
    assert result.features.tolist() == [5, 9, 60, 9, 1, 33, 5]
    assert result.ranks.tolist() == [5, 9, 39, 9, 1, 33, 2]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_rank_of_narrow_floats_does_not_count_rounding(dtype):
    rng = np.random.default_rng(0)
    low = (rng.normal(size=(80, 4)) @ rng.normal(size=(4, 30))).astype(np.float32)
    exact = rng.integers(-3, 4, size=(80, 30)).astype(dtype)
    result = similarity.pairwise({"low": low, "exact": exact}, ["cka.linear"])["cka.linear"]
    assert result.ranks.tolist() == [4, 30]


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_the_bytes_do_not_depend_on_the_executor(representations, pool):
    # So little memory that there are several blocks.
    alone = similarity.pairwise(representations, STEP_A, memory_gb=2e-4)
    with pool(2) as executor:
        together = similarity.pairwise(representations, STEP_A, memory_gb=2e-4, executor=executor)
    for id in STEP_A:
        assert alone[id].values.tobytes() == together[id].values.tobytes()


def test_factors_that_do_not_fit_go_to_disk(representations):
    in_memory = similarity.pairwise(representations, STEP_A)
    on_disk = similarity.pairwise(representations, STEP_A, memory_gb=1e-5)
    for id in STEP_A:
        np.testing.assert_allclose(on_disk[id].values, in_memory[id].values, atol=5e-8)


def test_functions_are_called_once_one_after_the_other(representations):
    calls = []

    def lazy(name):
        def load():
            calls.append(name)
            return representations[name]

        return load

    results = similarity.pairwise({name: lazy(name) for name in representations}, STEP_A)
    assert calls == list(representations)
    expected = similarity.pairwise(representations, STEP_A)
    for id in STEP_A:
        # Widths of arrays are known beforehand, those of functions are not: the route may differ.
        np.testing.assert_allclose(results[id].values, expected[id].values, rtol=1e-9, atol=1e-12)


def test_files_memmaps_and_batches(tmp_path, representations):
    x, y = representations["m0"], representations["m1"]
    expected = similarity.compare(x, y, "cka.linear")
    ids = np.array([f"s{i}" for i in range(40)])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "y.npz", values=y, ids=ids)
    memmap = np.load(tmp_path / "x.npy", mmap_mode="r")
    batches = ((ids[i : i + 15], y[i : i + 15]) for i in range(0, 40, 15))
    assert similarity.compare(memmap, tmp_path / "y.npz", "cka.linear") == expected
    assert similarity.compare(tmp_path / "x.npy", batches, "cka.linear") == expected
    with pytest.raises(ValueError, match=r"'x'.*nothing.npz cannot be read"):
        similarity.compare(tmp_path / "nothing.npz", y, "cka.linear")


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("left", [0, 40, 0.5])
def test_a_damaged_file_is_named(tmp_path, suffix, left):
    path = tmp_path / f"damaged{suffix}"
    values = np.random.default_rng(0).normal(size=(50, 4))
    if suffix == ".npz":
        np.savez_compressed(path, values=values)
    else:
        np.save(path, values)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole)) if left < 1 else left])
    with pytest.raises(ValueError, match=rf"'x'.*damaged{suffix} cannot be read"):
        similarity.compare(path, values, "cka.linear")


def test_samples_that_do_not_match_are_an_error(representations):
    x, y = representations["m0"], representations["m1"]
    ids = np.arange(40)
    with pytest.raises(ValueError, match="'y' has the same samples in another order than 'x'"):
        similarity.compare(Representation(x, ids), Representation(y, ids[::-1]), "cka.linear")
    with pytest.raises(ValueError, match=r"other samples \(3 missing, 3 added\)"):
        similarity.compare(Representation(x, ids), Representation(y, ids + 3), "cka.linear")
    with pytest.raises(ValueError, match="'y' has 39 samples, 'x' has 40"):
        similarity.compare(x, y[:39], "cka.linear")
    with pytest.raises(ValueError, match="same id for several samples"):
        similarity.compare(Representation(x, ids // 2), y, "cka.linear")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (lambda x: np.full_like(x, 0.1), "no variance"),
        (lambda x: np.where(x > 1, np.nan, x), "NaN or infinite"),
        (lambda x: np.where(np.arange(40)[:, None] == 7, np.inf, x), "first of them at row 7"),
        (lambda x: x[:, :0], "one feature"),
        (lambda x: x.astype(complex), "real numbers"),
        (lambda x: x[:, 0], r"shape \(40,\)"),
        (lambda x: x.reshape(40, 1, 1, -1), "say with spatial="),
    ],
)
def test_degenerate_representations_are_named(representations, bad, reason):
    representations["sick"] = bad(representations["m0"])
    with pytest.raises(ValueError, match=reason) as error:
        similarity.pairwise(representations, STEP_A)
    assert "'sick'" in str(error.value) and "\n" not in str(error.value)


def test_too_few_samples(representations):
    few = {name: values[:3] for name, values in representations.items() if name != "m4"}
    similarity.pairwise(few, ["cka.linear"])
    with pytest.raises(ValueError, match=r"'m0' has 3 samples; cka.linear.debiased needs .* 4"):
        similarity.pairwise(few, ["cka.linear.debiased"])


def test_progress_counts_to_the_end(representations):
    seen = {}
    similarity.pairwise(
        representations,
        STEP_A,
        progress=lambda done, total, what: seen.update({what: (done, total)}),
    )
    assert seen["preparing"] == (6, 6)
    assert len(seen) >= 3 and all(done == total for done, total in seen.values())


def test_wrong_calls(representations):
    with pytest.raises(ValueError, match="two representations"):
        similarity.pairwise({"a": representations["m0"]}, STEP_A)
    with pytest.raises(ValueError, match="no measure"):
        similarity.pairwise(representations, [])
    with pytest.raises(ValueError, match="memory_gb"):
        similarity.pairwise(representations, STEP_A, memory_gb=0)
    with pytest.raises(ValueError, match=r"unknown spatial policy 'flaten'; .*mean 'flatten'"):
        similarity.pairwise(representations, STEP_A, spatial="flaten")
    with pytest.raises(KeyError, match="was not computed"):
        similarity.pairwise(representations, ["cka.linear"])["procrustes.angular"]


def test_float32_mode_is_close(representations):
    double = similarity.pairwise(representations, STEP_A)
    single = similarity.pairwise(representations, STEP_A, precision="float32")
    off = ~np.eye(6, dtype=bool)
    for id in STEP_A:
        assert single[id].values.dtype == np.float64
        np.testing.assert_allclose(single[id].values[off], double[id].values[off], atol=1e-5)


@pytest.mark.parametrize("p", [6, 60])
def test_what_counts_for_no_rank_counts_for_a_distance(p):
    rng = np.random.default_rng(0)
    base = np.linalg.qr(rng.normal(size=(40, 3)) - 1.0)[0]
    base -= base.mean(axis=0)
    turn = np.linalg.qr(rng.normal(size=(p, p)))[0][:3]
    # Float32 tells what lies along the third direction from nothing, but not much more.
    x = ((base * [1.0, 0.5, 3e-6]) @ turn).astype(np.float32)
    y = (base * [0.2, 0.1, 1.0]).astype(np.float32)
    result = similarity.pairwise({"x": x, "y": y}, ["bures.similarity"])["bures.similarity"]
    assert result.ranks[0] == 2
    xc, yc = (v.astype(np.float64) - v.astype(np.float64).mean(axis=0) for v in (x, y))
    exact = np.linalg.svd(xc.T @ yc, compute_uv=False).sum()
    exact /= np.linalg.norm(xc) * np.linalg.norm(yc)
    assert result.values[0, 1] == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize(("p", "rank"), [(12, 12), (30, 5), (80, 7), (80, 39)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rotation_factors_have_the_gram_matrix(p, rank, dtype):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(40, rank)) @ rng.normal(size=(rank, p))).astype(dtype)
    for known in (None, spectrum.rank, spectrum.svd):
        factors = Factors(x, "x")
        if known is not None:
            known(factors)
        factor, rows = spectrum.rotation_factor(factors), unit(factors)
        assert factor.shape == (40, rank)
        tolerance = 1e-12 if p < 80 else 1e-9
        np.testing.assert_allclose(factor @ factor.T, rows @ rows.T, atol=tolerance)
