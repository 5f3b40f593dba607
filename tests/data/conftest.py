import pytest


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """One folder of prepared data for all tests, so that patches are drawn once."""
    return tmp_path_factory.mktemp("prepared")
