"""Each page as its reader does it: every command and every Python block, in order, in one folder."""

import pytest

from tests.docs.pages import all_pages

# Libraries of others warn of what is theirs to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PAGES = {page.name: page for page in all_pages() if page.steps}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_a_page_shows_runs(page, reader):
    for step in page.steps:
        reader.do(step)
