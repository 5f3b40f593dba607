"""Schedules as stress: what they change, beyond what the control does."""

from akp_keras.stress.kinds import kinds_of

__all__ = ["kinds_of"]
