"""The core: task documents, states, dispatch and lists. It knows no Flask and no page."""
