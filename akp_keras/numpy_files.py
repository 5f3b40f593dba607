"""What NumPy raises where a file is not the array or the archive of arrays that it should be."""

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
