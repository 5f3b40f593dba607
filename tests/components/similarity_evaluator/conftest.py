from concurrent.futures import ThreadPoolExecutor

import pytest

from akp_keras.comparison import representations
from akp_keras.executors import Workplace, share_workplace


@pytest.fixture
def _in_this_process(monkeypatch):
    """Runs the workers' tasks here, beside a TensorFlow that has its threads already."""
    monkeypatch.setattr(representations, "configure_tensorflow", lambda: None)
    with ThreadPoolExecutor(1) as executor, share_workplace(Workplace(executor)):
        yield
