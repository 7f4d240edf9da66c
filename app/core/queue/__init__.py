"""From a task to a worker: the three RQ queues, dispatch, bulk actions, and the repair of lost hints."""
