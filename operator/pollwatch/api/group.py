"""The API group of all our custom resources, and the version that is served."""

GROUP = "pollwatch.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
