"""Errors of the HTTP API: `{"error": {"code": …, "message": …}}` with a stable code."""

from starlette.responses import JSONResponse


class ApiError(Exception):
    """An answer that is an error. `code` is stable; `message` says what was expected."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def api_error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
