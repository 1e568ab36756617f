"""Each page as its reader does it: every command and every Python block, in order, in one folder; and the notebook."""

import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.pages import all_pages
from tests.helpers import ROOT

# Libraries of others warn of what is theirs to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PAGES = {page.name: page for page in all_pages() if page.steps}
assert len(PAGES) > 10 and sum(len(page.steps) for page in PAGES.values()) > 100, "the commands of pages are found"


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_a_page_shows_runs(page, reader):
    for step in page.steps:
        reader.do(step)


def test_the_quickstart_runs_from_its_folder_and_learns(tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # pictures are shown in the page
    (tmp_path / "docs").mkdir()
    shutil.copytree(ROOT / "data" / "policies", tmp_path / "data" / "policies")
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path / "docs")}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = ["\n".join(map(str, cell.outputs)) for cell in cells]
    values = [output.data["text/plain"] for cell in cells for output in cell.outputs if "data" in output]
    rates = [float(value.strip("(").split(",")[0]) for value in values if value[:1] in "(01"]
    assert len(rates) == 2 and rates[0] > 0.9 and rates[1] > 0.8
    assert sum("image/png" in output for output in outputs) == 1
    assert sum("data:video/mp4" in output for output in outputs) == 2
    assert any(value.startswith("array([") for value in values)
    assert not any((tmp_path / "docs").iterdir())
