"""Alert rules and dashboards: one model of each, rendered for Prometheus and for Grafana."""
