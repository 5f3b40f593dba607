"""Members from specifications: compile once, train many, export.

Importing this package imports neither Keras nor TensorFlow: a process that only submits the
work to others does not need them.
"""

from akp_keras.training.members import check_training, train_member, train_members
from akp_keras.training.specification import MemberSpecification, TrainingSettings

__all__ = [
    "MemberSpecification",
    "TrainingSettings",
    "check_training",
    "train_member",
    "train_members",
]
