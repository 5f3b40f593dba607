"""Schedules as stress: what they change beyond what the control does, and their random draw."""

from akp_keras.stress.distribution import StressDistribution, canonical_stress
from akp_keras.stress.drawing import draw_schedules
from akp_keras.stress.kinds import kinds_of

__all__ = ["StressDistribution", "canonical_stress", "draw_schedules", "kinds_of"]
