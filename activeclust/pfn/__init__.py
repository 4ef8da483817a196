"""The prior-fitted network: prior -> views -> evidence -> model -> train; inference; weights.

Torch is imported by the modules here, never by this file.
"""
