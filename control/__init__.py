"""The small brain: stores who may use what, decides, and issues tokens. ASGI and asyncio; no Twisted."""

__version__ = "0.1.0"
