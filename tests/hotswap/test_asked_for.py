"""What users asked for in public threads, done with HotSwap."""

import keras
import numpy as np

from akp_keras.hotswap import HotSwap


def test_another_loss_from_an_epoch_on(make_model, fit, problem):
    """keras-team/keras 13368, 14874, 15893, 17255, 6446, 13275 and tf-keras 359.

    `compile` in a callback fails with "'NoneType' object is not callable", and `model.loss = ...`
    has no effect.
    """
    x, y = problem
    model = make_model(loss="binary_crossentropy")
    history = fit(model, HotSwap("@2 loss=mean_squared_error"), epochs=3)
    p = model.predict(x[:40], verbose=0)
    np.testing.assert_allclose(history["val_loss"][2], np.mean((p - y[:40]) ** 2), rtol=1e-5)


def test_the_optimizer_keeps_its_state(make_model, fit):
    """keras-team/keras 9598: recompiling loses the optimizer's state."""
    model = make_model(optimizer=keras.optimizers.SGD(0.01, momentum=0.9))
    found = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            kernel = self.model.get_layer("dense").kernel
            slots = [v for v in self.model.optimizer.variables if tuple(v.shape) == kernel.shape]
            found.append((np.array(kernel), np.array(slots[0])))

    fit(model, HotSwap("@step:12 loss=hinge"), Look(), epochs=2)
    # The step after the swap moves by 0.9 of the move before it and by its own gradient.
    (old, _), (before, momentum), (after, new) = found[10:13]
    np.testing.assert_allclose(momentum, before - old, rtol=0, atol=1e-6)
    np.testing.assert_allclose(new, after - before, rtol=0, atol=1e-6)
    assert np.corrcoef(momentum.ravel(), new.ravel())[0, 1] > 0.3
    assert int(model.optimizer.iterations) == 24


def test_another_activation_of_a_layer(make_model, fit, problem):
    """keras-team/keras 7190, 9370, 9609 and tensorflow 47208.

    Setting `layer.activation` has no effect on the traced function.
    """
    x, _ = problem
    model = make_model()
    fit(model, HotSwap("@1 activation[dense]=tanh"), epochs=2)
    layer = model.get_layer("dense")
    assert layer.activation is keras.activations.tanh
    before = keras.Model(model.inputs, model.get_layer("dropout").output)(x[:4])
    by_hand = np.tanh(np.asarray(before) @ np.asarray(layer.kernel) + np.asarray(layer.bias))
    now = keras.Model(model.inputs, layer.output)(x[:4])
    np.testing.assert_allclose(np.asarray(now), by_hand, rtol=1e-4, atol=1e-5)
