"""The REST API: one resource a module. It asks the core and answers JSON; it holds no rule of its own.

`models` has the pydantic models of what comes in and goes out, in modules of the same names; the OpenAPI
document is made from them (`openapi`). Errors become problem details (RFC 9457) where the pages' errors
become pages.
"""
