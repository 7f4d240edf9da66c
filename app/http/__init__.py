"""What pages and the API share of HTTP: the permission of a route, and how a file leaves."""
