"""What the start-up lines tell a person to do next."""

from __future__ import annotations

import os
from pathlib import Path

from control.app import Control
from control.config import ControlConfig
from control.verbs import system
from settings import Secret
from tests.control.stores import drive
from tests.stores import SECRET_KEY

LOCAL = "http://localhost:9000"


def steps(folder: Path, public_url: str = "") -> str:
    control = drive(
        Control.open(ControlConfig(f"sqlite:///{folder / 'control.db'}", Secret(SECRET_KEY)), random=os.urandom)
    )

    async def told() -> str:
        if public_url:
            await control.store.write(lambda tx: system.change(tx, {"base_url": public_url}))
        return "\n".join(control.next_steps(LOCAL))

    text = drive(told())
    control.close()
    return text


def test_the_setup_link_is_below_the_public_url_once_that_is_set(tmp_path: Path) -> None:
    assert f"  {LOCAL}/if/flow/initial-setup/?code=" in steps(tmp_path, "https://auth.example.com")
    assert "  https://auth.example.com/if/flow/initial-setup/?code=" in steps(tmp_path)
