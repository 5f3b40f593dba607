"""The TFX component."""

from akp_keras.tfx import FamilyTrainer, FamilyTrainerSpec

__all__ = ["FamilyTrainer", "FamilyTrainerSpec"]
