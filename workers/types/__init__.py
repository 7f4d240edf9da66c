"""Task types: the decorator, signatures as models and as JSON Schema, loading and reloading."""
