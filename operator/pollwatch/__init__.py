"""Pollwatch: synthetic monitoring for Kubernetes."""

__version__ = "0.1.0"
