"""The TFX component."""

from akp_keras.tfx import DispersionTest, DispersionTestSpec

__all__ = ["DispersionTest", "DispersionTestSpec"]
