"""The body is built once for all tests: it takes a while the first time, then Anny reads its own cache."""

import pytest

from training.synthesis.body import AnnyBody


@pytest.fixture(scope="session")
def body() -> AnnyBody:
    return AnnyBody()
