"""Commands that have commands below them: many tasks at once, saved views, webhooks."""
