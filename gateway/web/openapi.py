"""The API's description (OpenAPI 3.1), served at /api/openapi.json."""

from typing import Any


def _get(
    summary: str, answers: str, *parameters: tuple[str, str, str], open_to_loopback: bool = False
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": [
            {
                "name": name,
                "in": "path" if kind == "path" else "query",
                "required": kind == "path",
                "description": text,
                "schema": {"type": "integer" if kind == "integer" else "string"},
            }
            for name, kind, text in parameters
        ],
        "responses": {
            "200": {"description": answers},
            "4XX": {
                "description": "Refused",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if open_to_loopback:
        operation["security"] = [{}, {"token": []}, {"session": []}]
    return {"get": operation}


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "huishou gateway",
        "version": "1",
        "description": "Devices and records. Times are ms since 1970 UTC; units are in the names.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "security": [{"token": []}, {"session": []}],
    "paths": {
        "/api/devices": _get("All devices with their present state", "`{now_ms, devices: [Device]}`"),
        "/api/devices/{id}": _get("One device", "Device", ("id", "path", "Device id")),
        "/api/devices/{id}/series": _get(
            "Recent samples of one device, by their own time (what charts are drawn from; bounded to 8 days)",
            "`{device, kind, since_ms, points: [{t_ms, record}]}`",
            ("id", "path", "Device id"),
            ("kind", "string", "reading, deposit, collect, position or weigh; reading when absent"),
            ("hours", "integer", "How far back, 1 to 192; 168 when absent"),
        ),
        "/api/records": _get(
            "Records in the order of the journal, each with its exact text",
            "`{records: [{device, log, seq, received_ms, outcome, codes, t_ms, record}], next, more}`. "
            "Go on with `after=<next>`; `more` false: that was all for now (few may come with more `true`).",
            ("device", "string", "Only of this device"),
            ("kind", "string", "Only of this kind"),
            ("after", "string", "`next` of the answer before; absent: from the start of the journal"),
            ("limit", "integer", "At most so many, 1 to 1000; 100 when absent"),
        ),
        "/api/gateway": _get(
            "How the gateway itself is", "Processes, counts, lags of all readers, alarms that stand"
        ),
        "/healthz": _get(
            "This process works",
            "`{status, projector, cursor, end, problem}`: how far what it shows is behind the journal",
            open_to_loopback=True,
        ),
        "/readyz": _get(
            "Data is taken: intake, broker and journal are well; 503 and the reasons while they are not",
            "`{status, checks, reasons: [{code, detail}]}`",
            open_to_loopback=True,
        ),
        "/metrics": _get("Prometheus metrics", "Text format", open_to_loopback=True),
    },
    "components": {
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "Made with `huishou web token NAME`",
            },
            "session": {"type": "apiKey", "in": "cookie", "name": "huishou_session"},
        },
        "schemas": {
            "Error": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {
                        "type": "object",
                        "required": ["code", "message"],
                        "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                    }
                },
            }
        },
    },
}
