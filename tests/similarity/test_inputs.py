"""What is taken for a representation, and what is refused in one line."""

import warnings

import numpy as np
import pytest
import scipy.sparse
import scipy.stats

from akp_keras import similarity
from akp_keras.similarity import Representation
from akp_keras.similarity.representation import load

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X + RNG.normal(size=(40, 3))
NAMES = np.array([f"s{i:02d}" for i in range(40)])
ID = "cka.linear"


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 4, 4, 3))
    return x, x + rng.normal(size=x.shape)


def same(source, values):
    loaded = load(source, "x")
    np.testing.assert_array_equal(loaded.values, values)
    assert type(loaded.values) in (np.ndarray, np.memmap)
    return loaded


# --- arrays of libraries -----------------------------------------------------------------------


def test_arrays_of_numpy_and_scipy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        same(np.asmatrix(X), X)
    same(scipy.sparse.csr_array(X), X)
    same(scipy.sparse.coo_matrix(X), X)
    same(np.ma.masked_array(X, mask=np.zeros(X.shape, bool)), X)
    same([list(row) for row in X], X)
    same(list(X), X)
    same(tuple(map(tuple, X)), X)


def test_data_frames_are_aligned_by_their_index(maps):
    pd = pytest.importorskip("pandas")
    x, y = pd.DataFrame(X, index=NAMES), pd.DataFrame(Y, index=NAMES)
    shuffled = y.sample(frac=1, random_state=0)
    expected = similarity.compare(X, Y, ID)
    assert similarity.compare(x, shuffled, ID) == pytest.approx(expected, rel=1e-12)
    # Rows of an index of numbers, of a Representation, and of one column of ids.
    plain = pd.DataFrame(Y).sample(frac=1, random_state=0)
    assert similarity.compare(pd.DataFrame(X), plain, ID) == pytest.approx(expected, rel=1e-12)
    assert similarity.compare(Representation(X, NAMES), shuffled, ID) == pytest.approx(expected)
    assert similarity.compare(X, shuffled, ID) != pytest.approx(expected, rel=1e-3)
    same(pd.DataFrame(X).astype("Float64"), X)
    same(pd.DataFrame(X > 0).astype("boolean"), X > 0)
    batches = [x.iloc[:15], x.iloc[15:]]
    np.testing.assert_array_equal(same(batches, X).ids, NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.rename(index={"s00": "new"}), r"other samples \(1 missing, 1 added\)"),
        (lambda f: f.rename(index={"s00": "s01"}), "same id for several samples"),
        (lambda f: f.assign(name=NAMES), "columns that are not numbers: name; leave them out"),
        (lambda f: f.set_index(f.columns[0], append=True), "an index of 2 levels"),
        (lambda f: f.astype("Float64").replace(f.iloc[3, 0], None), "NaN .* at row 3"),
        (lambda f: f[f.columns[0]], r"has shape \(40,\)"),
    ],
)
def test_data_frames_that_do_not_fit_are_refused(change, message):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, index=NAMES)
    refused(f"'y'.*{message}", lambda: similarity.compare(frame, change(frame), ID))


def test_tensors_of_pytorch(maps):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(X, requires_grad=True)
    same(tensor, X)
    same(tensor.to_sparse(), X)
    same(tensor.half(), X.astype(np.float16))
    np.testing.assert_allclose(load(tensor.bfloat16(), "x").values, X, rtol=1e-2, atol=1e-2)
    same(torch.nn.Parameter(tensor), X)
    same(list(tensor), X)
    same([tensor[:10], tensor[10:]], X)
    refused("'x' has dtype complex", lambda: load(tensor.to(torch.complex64), "x"))
    refused("'x' is a Tensor that NumPy cannot take", lambda: load(tensor.to("meta"), "x"))
    x, y = (torch.tensor(np.moveaxis(v, -1, 1).copy()) for v in maps)
    refused("say with channels_first=True or False", lambda: averaged(x, y))
    expected = averaged(*maps)
    assert averaged(x, y, channels_first=True) == pytest.approx(expected, rel=1e-9)
    assert averaged([x[:7], x[7:]], y, channels_first=True) == pytest.approx(expected, rel=1e-9)
    flat = similarity.compare(x, y, ID, spatial="flatten")
    assert flat == pytest.approx(similarity.compare(*maps, ID, spatial="flatten"), rel=1e-9)


def averaged(x, y, **options):
    return similarity.compare(x, y, ID, spatial="global_average", **options)


def test_tensors_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    same(tf.constant(X), X)
    same(tf.Variable(X), X)
    same(tf.cast(X, tf.bfloat16), np.asarray(tf.cast(tf.cast(X, tf.bfloat16), tf.float32)))
    ragged = tf.ragged.constant([[1.0, 2.0], [3.0]])
    refused("representation 'x'", lambda: load(ragged, "x"))


def test_arrays_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    same(jnp.asarray(X), X.astype(jnp.asarray(X).dtype))
    assert load(jnp.asarray(X, jnp.bfloat16), "x").values.dtype == np.float32


# --- batches -----------------------------------------------------------------------------------


def test_a_list_of_batches_is_batches(maps):
    x, y = maps
    expected = similarity.compare(x, y, ID, spatial="flatten")
    for parts in (np.split(x, 6), np.array_split(x, 7), tuple(np.split(x, 6)), iter([x])):
        assert similarity.compare(parts, y, ID, spatial="flatten") == expected
    with_ids = list(zip(np.split(NAMES, 4), np.split(X, 4), strict=True))
    np.testing.assert_array_equal(same(with_ids, X).ids, NAMES)
    # Of one-dimensional arrays each is a sample.
    assert load(np.split(x.reshape(60, -1)[:, 0], 60), "x").values.shape == (60, 1)


# --- files -------------------------------------------------------------------------------------


def test_files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "named.npz", values=X, ids=NAMES)
    np.savez(tmp_path / "single.npz", layer3=X)
    np.savez(tmp_path / "several.npz", layer3=X, layer4=Y, ids=NAMES)
    assert same(tmp_path / "x.npy", X).ids is None
    np.testing.assert_array_equal(same(tmp_path / "named.npz", X).ids, NAMES)
    same(str(tmp_path / "single.npz"), X)
    np.testing.assert_array_equal(same(f"{tmp_path / 'several.npz'}::layer4", Y).ids, NAMES)
    refused(
        "several.npz has several arrays; name one of layer3, layer4 as in 'several.npz::layer3'",
        lambda: load(tmp_path / "several.npz", "x"),
    )
    refused("has no array 'layer5'", lambda: load(f"{tmp_path}/several.npz::layer5", "x"))
    refused("takes no key", lambda: load(f"{tmp_path}/x.npy::layer5", "x"))
    refused("no such file", lambda: load(tmp_path / "x.pt", "x"))
    (tmp_path / "x.pt").write_bytes(b"0")
    refused("its format is not known", lambda: load(tmp_path / "x.pt", "x"))


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["block1/out"] = X
        file["block2/out"] = Y
        file.create_dataset("ids", data=NAMES.astype(object), dtype=h5py.string_dtype())
        same(file["block1/out"], X)
    np.testing.assert_array_equal(same(f"{tmp_path}/x.h5::block2/out", Y).ids, NAMES)
    refused("name one of block1/out, block2/out", lambda: load(tmp_path / "x.h5", "x"))
    refused("NumPy cannot take", lambda: load(_closed(tmp_path), "x"))


def _closed(folder):
    import h5py

    with h5py.File(folder / "x.h5") as file:
        return Representation(file["block1/out"])


def test_tables(tmp_path):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=list("abc"))
    table.to_csv(tmp_path / "plain.csv", index=False)
    table.assign(id=NAMES).to_csv(tmp_path / "named.tsv", index=False, sep="\t")
    same(tmp_path / "plain.csv", X)
    np.testing.assert_array_equal(same(f"{tmp_path}/named.tsv::id", X).ids, NAMES)
    refused("columns that are not numbers: id", lambda: load(tmp_path / "named.tsv", "x"))
    refused("has no array 'name'", lambda: load(f"{tmp_path}/named.tsv::name", "x"))


# --- matrices of pairs of samples --------------------------------------------------------------


def squared(x):
    return np.square(x[:, None] - x[None]).sum(axis=2)


def test_kernels_stand_for_representations():
    kernels = [Representation(v @ v.T, kind="kernel") for v in (X, Y)]
    for id in (ID, "cka.linear.debiased", "hsic.linear", "hsic.linear.unbiased", "ensd"):
        expected = similarity.compare(X, Y, id)
        for pair in ((kernels[0], kernels[1]), (X, kernels[1]), (kernels[0], Y)):
            assert similarity.compare(*pair, id) == pytest.approx(expected, rel=1e-9), id
    for id in ("gram.euclidean", "gram.relative"):
        assert similarity.compare(*kernels, id) == pytest.approx(similarity.compare(X, Y, id))
    # Any kernel: HSIC with an RBF kernel is the linear one of its kernel matrix.
    rbf = [
        np.exp(-squared(v) / (2 * np.median(np.sqrt(squared(v))[np.triu_indices(40, 1)]) ** 2))
        for v in (X, Y)
    ]
    value = similarity.compare(*(Representation(k, kind="kernel") for k in rbf), ID)
    assert value == pytest.approx(similarity.compare(X, Y, "cka.rbf"), rel=1e-9)


def test_dissimilarities_stand_for_representations():
    d = [np.sqrt(squared(v)) for v in (X, Y)]
    matrices = [Representation(v, kind="dissimilarities") for v in d]
    for id in (
        "rsa.spearman[euclidean]",
        "rsa.pearson[euclidean]",
        "rsa.tau_a[euclidean]",
        "rsa.cosine.whitened[euclidean]",
        "distance_correlation",
        "distance_correlation.squared.debiased",
        "cka.rbf",
        "cka.laplace.debiased",
        "distance_matrix.norm",
        "knn.jaccard[k=5,euclidean]",
    ):
        expected = similarity.compare(X, Y, id)
        for pair in ((matrices[0], matrices[1]), (X, matrices[1])):
            assert similarity.compare(*pair, id) == pytest.approx(expected, rel=1e-9), id
    # As of people who judged them, which no features give.
    judged = RNG.random((40, 40))
    judged = judged + judged.T - np.diag(2 * np.diag(judged))
    result = similarity.pairwise(
        {
            "people": Representation(judged, NAMES, "dissimilarities"),
            "network": Representation(X, NAMES),
        },
        ["rsa.spearman"],
        null=9,
    )["rsa.spearman"]
    upper = np.triu_indices(40, 1)
    expected = scipy.stats.spearmanr(judged[upper], 1 - np.corrcoef(X)[upper]).statistic
    assert result.values[0, 1] == pytest.approx(expected)
    assert result.features.tolist() == [0, 3] and result.ranks.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("representation", "id", "message"),
    [
        (Representation(X, kind="kernel"), ID, r"has shape \(40, 3\); a matrix of kernel is n × n"),
        (Representation(np.triu(X @ X.T), kind="kernel"), ID, "is not symmetric"),
        (Representation(X @ X.T, kind="gram"), ID, "is of the kind 'gram'; it is one of features,"),
        (Representation(X @ X.T, kind="dissimilarities"), "rsa.pearson", "a diagonal that is not"),
        (Representation(X @ X.T, kind="kernel"), "cca.mean", "matrix of kernel; .* from features"),
        (Representation(-X @ X.T, kind="kernel"), ID, "no positive trace"),
        (Representation(np.zeros((40, 40)), kind="kernel"), ID, "no positive trace"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(representation, id, message):
    refused(f"'x'.*{message}", lambda: similarity.compare(representation, Y, id))


# --- refusals ----------------------------------------------------------------------------------


def refused(message, call):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([[1, 2], [3]], "'x' is ragged"),
        ([X[0], X[1, :2]], "'x' is ragged"),
        (np.ma.masked_array(X, mask=X > 1), "'x' has .* masked values"),
        (Representation(X, np.array([1, "a"] * 20, dtype=object)), "'x' has ids of kinds int, str"),
        (Representation(X, [None] * 40), "'x' has ids of kinds NoneType"),
        (Representation(X, NAMES[:39]), r"'x' has ids of shape \(39,\) for 40 samples"),
        (3.0, "'x' is a float; an array, a Representation, a path"),
        ({"a": X}, "'x' is a dict; an array"),
        (X.astype(str), "'x' has dtype <U"),
        (X * 1j, "'x' has dtype complex128"),
        (np.float64(3), "'x' is a single number"),
        ([], r"'x' has shape \(0,\)"),
        (iter([]), "'x' has no batches"),
        ([X, X[:, :2]], "'x' has batches of different widths"),
        (iter([(NAMES[:20], X[:20]), X[20:]]), "'x' has ids for some batches and not for others"),
        (X[:1], "two samples"),
        (X[:, :0], "one feature"),
        (X[:, 0], r"'x' has shape \(40,\); n × d is needed"),
        (X[:, None, :], "say with spatial="),
        ("nothing.npz", "'x': nothing.npz cannot be read"),
    ],
)
def test_representations(source, message):
    refused(message, lambda: similarity.compare(source, Y, ID))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"null": -5}, "null is -5; a whole number"),
        ({"null": 1.5}, r"null is 1\.5; a whole number"),
        ({"null": True}, "null is True; a whole number"),
        ({"seed": -1}, "seed is -1; a whole number"),
        ({"memory_gb": "4"}, "memory_gb is '4'; a positive number"),
        ({"memory_gb": float("nan")}, "memory_gb is nan; a positive number"),
        ({"memory_gb": 0}, "memory_gb is 0; a positive number"),
        ({"threads": 0}, "threads is 0; a whole number, 1 or more"),
        ({"interval": 95}, "interval is 95; the level of the interval is needed, such as 0.95"),
        ({"interval": 0.9, "measures": ["cca.mean"]}, "'cca.mean' has no interval over samples"),
        ({"null": 9, "measures": ["magnitude"]}, "'magnitude' has no row-permutation null"),
        ({"precision": "float16"}, "precision is one of float64, float32, not 'float16'"),
        ({"undefined": "skip"}, "undefined is one of raise, nan, not 'skip'"),
        ({"channels_first": "yes"}, "channels_first is 'yes'; True or False"),
        ({"spatial": "flaten"}, "unknown spatial policy 'flaten'; .*did you mean 'flatten'"),
        ({"measures": "cka.linear"}, r"measures is the single 'cka.linear'; a list .* needed: \["),
        ({"measures": []}, "no measure is named"),
        ({"measures": [3]}, "not by 3"),
        ({"measures": [["cka.linear"]]}, "named by a string"),
        ({"representations": [X, Y]}, "representations are a list; a mapping"),
        ({"representations": {}}, "representations are empty"),
        ({"representations": {"x": X}}, "two representations or more are needed, not 1"),
        ({"columns": [X]}, "columns are a list; a mapping"),
        ({"columns": {}}, "columns are empty"),
        ({"reference": "z"}, "reference is 'z', which is none of the representations"),
        ({"reference": "x", "columns": {"z": X}}, "columns and reference are both passed"),
    ],
)
def test_arguments(options, message):
    call = {"representations": {"x": X, "y": Y}, "measures": [ID], **options}
    refused(message, lambda: similarity.pairwise(**call))


def test_unmasked_arrays_and_object_ids_are_taken():
    named = Representation(X, np.array(list(NAMES), dtype=object))
    assert similarity.compare(named, Representation(Y, list(NAMES)), ID) == similarity.compare(
        X, Y, ID
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(40) % 3 + 7, "labels go from 7 to 9; 'x' has logits of the classes 0 to 2"),
        (np.arange(40) % 3 - 1, "labels go from -1 to 1"),
        (NAMES, "labels have dtype <U"),
        (np.full(40, np.nan), "labels have dtype float64; whole numbers"),
        (np.full(40, 0.5), "labels have dtype float64; whole numbers"),
        (np.zeros(39, int), r"labels have shape \(39,\)"),
    ],
)
def test_labels(labels, message):
    refused(message, lambda: similarity.compare(X, Y, "output.accuracy_difference", labels=labels))


def test_whole_floats_are_labels():
    labels = np.arange(40) % 3
    values = [
        similarity.compare(X, Y, "output.accuracy_difference", labels=kind)
        for kind in (labels, labels.astype(float))
    ]
    assert values[0] == values[1]
    # What is passed stays the caller's.
    labels[0] = 2


def test_what_was_not_computed_is_not_in_the_results():
    results = similarity.pairwise({"x": X, "y": Y}, ["knn.jaccard"])
    assert "knn.jaccard[k=10, cosine]" in results
    assert "cka.linear" not in results
    assert "nonsense" not in results and 3 not in results
    assert results.get("cka.lnear") is None
    with pytest.raises(KeyError, match=r"did you mean 'cka\.linear'"):
        results["cka.lnear"]


def test_streamed_batches():
    def stream(*batches):
        return similarity.pairwise_streaming(iter(batches), [ID])

    refused("'x' has dtype complex128", lambda: stream({"x": X * 1j, "y": Y}))
    refused("'x' has .* masked values", lambda: stream({"x": np.ma.masked_less(X, 0), "y": Y}))
    refused("a batch is a list", lambda: stream([X, Y]))
