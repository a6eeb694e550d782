"""From resources to a Plan: defaults, secrets and references resolved."""
