"""Which activations HotSwap changes in the architectures of keras.applications.

    python benchmarks/architectures.py                    # all that tests/hotswap names
    python benchmarks/architectures.py VGG16 MobileNet

For each, built with `weights=None`: how many hidden activations `activation=tanh` changes and what
they were, what is left alone, and whether the outputs are the same to the last bit once the
functions are back.
"""

from __future__ import annotations

import argparse
from collections import Counter

import keras
import numpy as np

from akp_keras.hotswap import restore, swap_now, swappable

NAMES = (
    *("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"),
    *("DenseNet121", "DenseNet169", "DenseNet201", "InceptionV3", "InceptionResNetV2"),
    *("Xception", "NASNetMobile", "VGG16", "VGG19", "MobileNet", "MobileNetV2"),
    *("MobileNetV3Small", "MobileNetV3Large", "EfficientNetB0", "EfficientNetB1"),
    *("EfficientNetV2B0", "ConvNeXtTiny", "ConvNeXtSmall"),
)


def row(name):
    """Return one architecture: its row of the table."""
    keras.backend.clear_session()
    model = getattr(keras.applications, name)(weights=None, classes=10)
    model.compile("sgd", "sparse_categorical_crossentropy")
    shape = [size or 64 for size in model.input_shape[1:3]]
    image = np.random.default_rng(0).uniform(0, 255, (1, *shape, 3)).astype("float32")
    before = np.asarray(model(image, training=False))

    places = swappable(model)
    changed = Counter(place.held.text for place in places if place.by_default)
    kept = Counter(place.held.text for place in places if not place.by_default)
    swap_now(model, "activation=tanh")
    places = swappable(model)
    assert all((place.held.text == "tanh") == place.by_default for place in places)
    restore(model)
    same = np.array_equal(np.asarray(model(image, training=False)), before)
    counts = f"{sum(changed.values())} | {_counts(changed)} | {_counts(kept)}"
    return f"| {name} | {counts} | {_word(same)} |"


def _counts(counter):
    return ", ".join(f"{count} {text}" for text, count in sorted(counter.items()))


def _word(same):
    return "equal" if same else "different"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    print("| architecture | swapped | were | left alone | outputs after the return |")
    print("|---|---|---|---|---|")
    for name in parser.parse_args().names:
        print(row(name), flush=True)


if __name__ == "__main__":
    main()
