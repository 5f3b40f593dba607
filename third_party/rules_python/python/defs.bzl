"""The native Python rules under their rules_python names."""

py_binary = native.py_binary
py_library = native.py_library
py_test = native.py_test
