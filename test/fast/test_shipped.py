"""config/ and models/ are found in an installation that was sourced, and in the repository."""

from pathlib import Path

import pytest

from ts_locomotion import shipped

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("prefixes", ["", "/nowhere:"])
def test_without_an_installation_it_is_the_repository(monkeypatch, prefixes):
    monkeypatch.setenv("AMENT_PREFIX_PATH", prefixes)
    assert shipped.folder() == REPOSITORY
    assert shipped.models() == REPOSITORY / "models"


def test_the_first_installation_that_was_sourced_counts_as_ament_has_it(monkeypatch, tmp_path):
    for name in ("first", "second"):
        marker = tmp_path / name / shipped.MARKER
        marker.parent.mkdir(parents=True)
        marker.touch()
        (tmp_path / name / "share/ts_locomotion").mkdir()
    prefixes = ["/nowhere", str(tmp_path / "first"), str(tmp_path / "second")]
    monkeypatch.setenv("AMENT_PREFIX_PATH", ":".join(prefixes))
    assert shipped.folder() == tmp_path / "first/share/ts_locomotion"
    ament = pytest.importorskip("ament_index_python")
    assert str(shipped.folder()) == ament.get_package_share_directory("ts_locomotion")
