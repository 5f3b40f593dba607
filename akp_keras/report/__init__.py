"""The report of a run: figures, tables and the page."""

from akp_keras.report.page import write_report
from akp_keras.report.table import format_table

__all__ = ["format_table", "write_report"]
