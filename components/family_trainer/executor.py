"""What the TFX component does."""

from akp_keras.tfx import FamilyTrainerExecutor as Executor
