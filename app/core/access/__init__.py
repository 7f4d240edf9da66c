"""Rights on tasks: what a person may read and do, checked and recorded before the engine is asked."""
