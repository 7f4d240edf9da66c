"""What the API takes and answers, a module per resource, named as the module with its views.

Times are RFC 3339 in UTC; a field that is not known is refused.
"""
