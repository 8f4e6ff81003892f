"""Settings of both programs, read from a file and the environment."""

from settings.kinds import Address, Network
from settings.read import SettingsError, env_name, load
from settings.secret import Secret
from settings.table import ROWS, Settings

__all__ = ["ROWS", "Address", "Network", "Secret", "Settings", "SettingsError", "env_name", "load"]
