"""Figures, tables and the page that a run ends with."""

from akp_keras.report.page import write_report
from akp_keras.report.table import format_table

__all__ = ["format_table", "write_report"]
