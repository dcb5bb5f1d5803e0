"""Grafana dashboards as code: the city and one device (InfluxDB), the gateway itself (Prometheus).

`python -m gateway.dashboards` writes them, in English and Chinese, to `en/` and `zh-CN/` beside this file; a
test holds the files against this code and runs every query. `parts` is what panels are made of, `city` and
`health` say what is on them. Needs grafana-foundation-sdk, which a gateway does not.
"""
