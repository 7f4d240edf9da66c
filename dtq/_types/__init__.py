"""How a typed function becomes a task type. Private: authors import `dtq`."""
