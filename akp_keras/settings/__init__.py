"""The settings of an experiment, each declared once and checked by one function."""

from akp_keras.settings.family import Family, Member
from akp_keras.settings.field import Group, Setting, declarations, setting
from akp_keras.settings.groups import Experiment, Running, TrainingSettings, check_control

__all__ = [
    "Experiment",
    "Family",
    "Group",
    "Member",
    "Running",
    "Setting",
    "TrainingSettings",
    "check_control",
    "declarations",
    "setting",
]
