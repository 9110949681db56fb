from pathlib import Path

import pytest

from tests.micropython.board import install_compiled, names_of_programs
from tests.support.fixtures import bench

__all__ = ["bench", "compiled", "compiled_for_programs"]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled package, with machine code for the interpreter of the tests, in a folder of its own."""
    folder: Path = tmp_path_factory.mktemp("compiled")
    install_compiled(folder)
    return folder / "flight_client"


@pytest.fixture(scope="session")
def compiled_for_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the names that the programs of the tests use; these look into the client, as no program of a board does."""
    folder: Path = tmp_path_factory.mktemp("compiled-for-programs")
    install_compiled(folder, keep=names_of_programs())
    return folder / "flight_client"
