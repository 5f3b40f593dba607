"""`optimizer.learning_rate=`: of the optimizer, or of layers."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import Change, Epoch, HotSwap, Swap


class Rates(keras.callbacks.Callback):
    """Notes the learning rate after each step."""

    def on_train_begin(self, logs=None):
        self.rates = []

    def on_train_batch_end(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.rates.append(float(np.asarray(self.model.optimizer.learning_rate)))


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_constants_are_assigned_and_what_moves_is_set_at_each_step(make_model, fit, strategy):
    model, look = make_model(optimizer=keras.optimizers.SGD(0.125)), Rates()
    swap = HotSwap(
        "@1 optimizer.learning_rate=0.5; @step:20 optimizer.learning_rate=linear(1→0.5 over 4 "
        "steps); @2 optimizer.learning_rate=1e-3",
        strategy=strategy,
    )
    fit(model, swap, look)
    expected = [0.125] * 12 + [0.5] * 8 + [1, 0.875, 0.75, 0.625] + [1e-3] * 12
    np.testing.assert_allclose(look.rates, expected, rtol=1e-6)
    assert [(r.step, r.what, r.from_, r.to) for r in swap.swaps] == [
        (12, "optimizer.learning_rate", "0.125", "0.5"),
        (20, "optimizer.learning_rate", "0.5", "linear(1→0.5 over 4 steps)"),
        (24, "optimizer.learning_rate", "0.625", "1e-3"),
    ]


def test_a_function_of_the_epoch(make_model, fit):
    model, look = make_model(optimizer=keras.optimizers.SGD(1.0)), Rates()
    change = Change("optimizer.learning_rate", lambda epoch: 0.5**epoch)
    fit(model, HotSwap([Swap(Epoch(1), (change,))]), look)
    np.testing.assert_allclose(look.rates, [1.0] * 12 + [0.5] * 12 + [0.25] * 12, rtol=1e-6)


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_a_layer_with_a_rate_of_its_own_moves_by_it(make_model, fit, strategy):
    """In the first step of plain SGD, a weight moves in proportion to its learning rate."""

    def move(*swaps):
        model = make_model(optimizer=keras.optimizers.SGD(0.1))
        before = model.get_weights()
        fit(model, *swaps, epochs=1, steps_per_epoch=1, shuffle=False)
        return [after - old for after, old in zip(model.get_weights(), before, strict=True)]

    own = HotSwap("@0 optimizer.learning_rate[second|logits]=0.3", strategy=strategy)
    for factor, mine, plain in zip((1, 1, 3, 3, 3, 3), move(own), move(), strict=True):
        np.testing.assert_allclose(mine, factor * plain, rtol=1e-4, atol=2e-7)
    assert own.swaps[0].layers == ("second", "logits")
    follow = HotSwap("@0 optimizer.learning_rate=0.2 optimizer.learning_rate[logits]=original")
    for mine, plain in zip(move(follow), move(), strict=True):
        np.testing.assert_allclose(mine, 2 * plain, rtol=1e-4, atol=2e-7)


def test_a_learning_rate_schedule_is_refused(make_model):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)
    model = make_model(optimizer=keras.optimizers.SGD(schedule))
    for value in ("0.5", "linear(1→0 over 2 epochs)"):
        with pytest.raises(ValueError, match="follows a LearningRateSchedule"):
            HotSwap(f"@1 optimizer.learning_rate={value}").check(model)
    HotSwap("@1 optimizer.learning_rate[logits]=0.5").check(model)
