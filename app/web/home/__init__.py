"""Home: queues, workers, outcomes, failures and the newest tasks."""
