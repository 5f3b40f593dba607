"""What a member leaves behind: its SavedModel by the contract, its history, swaps and metrics.

Importing this package imports neither Keras nor TensorFlow.
"""

from akp_keras.export.member_folder import read_member, write_member
from akp_keras.export.member_record import MemberRecord
from akp_keras.export.saved_model import load_representations, read_description, save_member

__all__ = [
    "MemberRecord",
    "load_representations",
    "read_description",
    "read_member",
    "save_member",
    "write_member",
]
