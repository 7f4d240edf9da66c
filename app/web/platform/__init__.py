"""What every page shares: permissions, security, errors, request arguments, live updates, template
filters."""
