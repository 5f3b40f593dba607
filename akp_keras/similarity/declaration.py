"""What a measure says of itself: plain data beside the function, from which tests and docs come."""

from __future__ import annotations

from dataclasses import dataclass

INVARIANCES = ("orthogonal", "scale", "linear", "permutation", "translation")


@dataclass(frozen=True)
class Declaration:
    """The declared properties of a measure.

    Attributes:
        title: what it is, in a few words.
        formula: the formula, with X and Y for the representations (n × p and n × q), Xc for the
            column-centred X, K = Xc Xcᵀ and L = Yc Ycᵀ.
        reference: the source of the formula.
        cost: operations for each pair after preparation.
        preparation: operations for each representation; set by the registry from the statistic.
        accuracy: what limits the digits, where it is more than rounding: in float64 values have
            nine digits, and in float32 five. Set by the registry from the statistic.
        larger_is_more_similar: the direction; True for similarities, False for distances.
        range: the smallest and the largest value, either may be infinite.
        invariances: those of `INVARIANCES` that hold, for X and for Y alike unless the measure
            is asymmetric, in which case for X (see `right_invariances`). "orthogonal": any
            rotation or reflection of the features; "scale": any positive factor; "linear": any
            invertible linear map; "permutation": any reordering of the features; "translation":
            any vector added to every sample. What is not named does not hold.
        right_invariances: those that hold for Y; None if the same as for X.
        symmetric: whether exchanging X and Y changes nothing.
        distances: the distance forms that exist, the default first (see `distance.FORMS`);
            empty if there is none.
        metric: whether the default distance form obeys the triangle inequality.
        hilbertian: whether the default distance form embeds in a Hilbert space, so that
            centroids are exact.
        self_value: the value of a representation with itself; None if it depends on the data.
        min_samples: the smallest n for which it is defined.
        ordered_samples: whether it looks at which sample is which; one that does not has no
            row-permutation null.
        sequential: whether the order in which the samples stand, on both sides, changes the value.
        saturates: "either" if it is perfect for any data where the rank of X or Y is n − 1,
            "right" if where that of Y is, and "" elsewhere.
        takes: "representation", or "logits" for a functional measure of a network's output.
        id: the canonical identifier with its parameters; set by the registry.
    """

    title: str
    formula: str
    reference: str
    cost: str
    larger_is_more_similar: bool
    range: tuple[float, float]
    invariances: frozenset[str]
    symmetric: bool = True
    distances: tuple[str, ...] = ()
    metric: bool = False
    hilbertian: bool = False
    self_value: float | None = None
    min_samples: int = 2
    right_invariances: frozenset[str] | None = None
    ordered_samples: bool = True
    sequential: bool = False
    saturates: str = ""
    takes: str = "representation"
    preparation: str = ""
    accuracy: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        unknown = (self.invariances | (self.right_invariances or frozenset())) - set(INVARIANCES)
        if unknown:
            raise ValueError(f"unknown invariance {sorted(unknown)[0]!r}; known: {INVARIANCES}")
        if self.hilbertian and not self.metric:
            raise ValueError(f"{self.title}: a Hilbertian distance is a metric")


def invariant_to(letters: str) -> frozenset[str]:
    """Read invariances in the usual letters, as in "O S T".

    O orthogonal, S scale, L linear, P permutation, T translation; O implies P, and L all of O, S
    and P.
    """
    names = {name[0].upper(): name for name in INVARIANCES}
    invariances = {names[letter] for letter in letters.replace(" ", "")}
    if "linear" in invariances:
        invariances |= {"orthogonal", "scale"}
    if "orthogonal" in invariances:
        invariances |= {"permutation"}
    return frozenset(invariances)
