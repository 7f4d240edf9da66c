"""The list of tasks, the page of each, downloads and bulk actions."""
