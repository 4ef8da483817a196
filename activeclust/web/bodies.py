"""The JSON object that a request carries."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from activeclust.web.payload import json_response
from activeclust.web.security import TooLarge


async def json_object(request: Request) -> dict[str, Any] | Response:
    """The body of a request, or the response that says why it cannot be taken."""
    try:
        body = await request.json()
    except TooLarge:
        return json_response({"error": "The request is too large, or too slow."}, 413)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return json_response({"error": "The body is a JSON object."}, 400)
    return body
