"""The weights with which members begin."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras.src.utils.naming import reset_uids  # Keras has no public name for it.

from akp_keras.failures import one_line
from akp_keras.models.seeding import with_fresh_weights

# Two builds under different seeds tell which variables are drawn at random.
_SEEDS = (1, 2)


class InitialWeights:
    """Builds a model, and sets its variables to the initial values of a member.

    What the function that builds the model sets (weights loaded from a file) is equal in two
    builds under different seeds, and so is what an initializer sets to a constant. All other
    variables are drawn at random.

    Args:
        build: builds the model.
        policy: `as_built` keeps what the build sets, and draws the other variables per member;
            `shared` draws the weights among them once for all members; `own` draws all variables
            per member, except the statistics of `keras.layers.Normalization`.
        seed: seed of the weights that are shared.

    Attributes:
        model: the model.

    Raises:
        ValueError: in one line, if Keras cannot rebuild the model from its configuration.
    """

    def __init__(self, build: Callable[[], keras.Model], policy: str, seed: int) -> None:
        self.model = _build_as_first(build, _SEEDS[0])
        self._built = [np.array(variable) for variable in _variables(self.model)]
        if policy == "own":
            self._is_kept = [
                isinstance(layer, keras.layers.Normalization)
                for layer in self.model.layers
                for _ in layer.variables
            ]
        else:
            again = _variables(_build_as_first(build, _SEEDS[1]))
            self._is_kept = [
                np.array_equal(value, np.array(other), equal_nan=True)
                for value, other in zip(self._built, again, strict=True)
            ]
        if policy == "shared":
            self._keep_weights_of(seed)
        self._fresh(seed)  # what cannot be rebuilt is refused here

    def reset(self, random_seed: int) -> None:
        """Set all variables to the initial values of the member with this seed."""
        variables, fresh = _variables(self.model), _variables(self._fresh(random_seed))
        for variable, value, drawn, is_kept in zip(
            variables, self._built, fresh, self._is_kept, strict=True
        ):
            variable.assign(value if is_kept else drawn)

    def _keep_weights_of(self, seed: int) -> None:
        weights = {id(weight) for layer in self.model.layers for weight in layer.weights}
        fresh = _variables(self._fresh(seed))
        for row, variable in enumerate(_variables(self.model)):
            # The state of random layers, such as Dropout, is no weight.
            if id(variable) in weights and not self._is_kept[row]:
                self._built[row], self._is_kept[row] = np.array(fresh[row]), True

    def _fresh(self, seed: int) -> keras.Model:
        """Return a second, untraced model, which draws its weights as in a fresh process."""
        try:
            return with_fresh_weights(self.model, seed)
        except Exception as error:  # the code of custom layers may raise anything
            raise ValueError(
                "Keras cannot rebuild the model from its configuration "
                f"({one_line(error, 300)}); custom layers need get_config, and "
                "functions of Lambda layers must be layers"
            ) from error


def _build_as_first(build: Callable[[], keras.Model], seed: int) -> keras.Model:
    # The names that Keras gives to layers without one depend on what was built before.
    reset_uids()
    keras.utils.set_random_seed(seed)
    return build()


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [variable for layer in model.layers for variable in layer.variables]
