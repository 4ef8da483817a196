"""The loop: posterior -> query strategy -> annotator -> store -> posterior ..."""

from activeclust.loop.active_loop import ActiveLoop
from activeclust.loop.history import History

__all__ = ["ActiveLoop", "History"]
