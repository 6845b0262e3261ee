"""Pages that lead to the next one (RFC 8288)."""

from urllib.parse import urlencode

from fastapi import Response


def linked(response: Response, path: str, **query: object) -> Response:
    """The page, with a link to the one that this question asks for; unless its cursor is None: then it is the last."""
    if query.get("cursor") is not None:
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        response.headers["Link"] = f'<{path}?{asked}>; rel="next"'
    return response
