"""The TFX component."""

from akp_keras.tfx import EmbeddingWriter, EmbeddingWriterSpec

__all__ = ["EmbeddingWriter", "EmbeddingWriterSpec"]
