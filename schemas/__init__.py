"""The contract between devices and gateways: JSON Schema per message, an AsyncAPI document, examples.

This folder knows nothing of any program. What a schema says is what the gateway's types accept and what the
firmware sends; tests hold both to it. No code lives here but this loader.
"""
