"""The TFX component."""

from akp_keras.tfx import ProbeSetGen, ProbeSetGenSpec

__all__ = ["ProbeSetGen", "ProbeSetGenSpec"]
