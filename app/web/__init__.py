"""The web UI: one blueprint a file. It asks the core and renders; it holds no rule of its own."""
