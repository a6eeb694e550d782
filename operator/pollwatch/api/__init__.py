"""The custom resources as models: the one source of the CRDs, the reference docs and the validation."""
