"""What many tests of nodes begin with."""

from collections.abc import Iterator
from pathlib import Path

import bundles
import pytest
from probe import Probe


@pytest.fixture
def probe(request: pytest.FixtureRequest) -> Iterator[Probe]:
    """In the domain of the test's file."""
    probe = Probe(request.module.DOMAIN)
    yield probe
    probe.close()


@pytest.fixture(scope="session")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without eyes; not to be changed."""
    return bundles.write_blind(tmp_path_factory.mktemp("bundle") / "blind")


@pytest.fixture(scope="session")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with eyes; not to be changed."""
    return bundles.write_seeing(tmp_path_factory.mktemp("bundle") / "seeing")
