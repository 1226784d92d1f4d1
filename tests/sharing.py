"""How two processes share the tests (`pytest -n 2`): a file stays whole, and so does what shares one running service."""

from xdist.scheduler import LoadScopeScheduling

ONE_SERVICE = "tests/stack/"
LONG = (
    ONE_SERVICE,
    "tests/deploy/test_life.py",
    "tests/ledger/test_faults.py",
    "tests/examples/test_voice_studio.py",
    "tests/docs/test_snippets.py",
    "tests/portal/",
)


class ByFile(LoadScopeScheduling):
    """Hands out whole files. (A mark `xdist_group` does not reach xdist 3.8's scheduler under pytest 9.)"""

    def _split_scope(self, nodeid):
        return ONE_SERVICE if nodeid.startswith(ONE_SERVICE) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config, log):
    """Take ours, whatever `--dist` says."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    """What takes long goes first, so that at the end neither process waits for the other."""
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG)))
