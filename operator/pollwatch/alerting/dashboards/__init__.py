"""The Grafana dashboards, as code: `charts/pollwatch/dashboards/*.json` is generated from here."""
