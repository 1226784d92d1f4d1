import pytest

from zkp.core import group


@pytest.fixture(params=group.BACKENDS)
def backend(request):
    """Each backend in turn."""
    with group.use(request.param):
        yield request.param
