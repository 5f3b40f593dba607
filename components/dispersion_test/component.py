"""The TFX component."""

from akp_keras.tfx import DispersionTest
