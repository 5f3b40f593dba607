"""The exceptions that NumPy raises for a file that is not a valid array or archive of arrays."""

import zipfile
import zlib

UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    AttributeError,
    NotImplementedError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)
