from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.web.browsing import Browser, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path)
    opened.administrator()
    yield opened
    opened.close()


@pytest.fixture
def admin(site: Site) -> Browser:
    """A browser in which the administrator is signed in."""
    browser = site.browser()
    browser.sign_in("akadmin")
    return browser
