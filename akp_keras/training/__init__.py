"""The training of members from settings: compile once, train many, export.

Importing this package imports neither Keras nor TensorFlow: a process that only submits work does
not need them.
"""

from akp_keras.training.members import check_training, train_member, train_members

__all__ = [
    "check_training",
    "train_member",
    "train_members",
]
