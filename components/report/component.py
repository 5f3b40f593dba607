"""The TFX component."""

from akp_keras.tfx import ReportWriter, ReportWriterSpec

__all__ = ["ReportWriter", "ReportWriterSpec"]
