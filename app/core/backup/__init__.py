"""A whole database as files, and back: the engine of `flask data`.

    problems      what can be wrong with an export, a folder or a target, as codes
    manifest      what an export says of itself
    bson_stream   documents in a gzip file, byte for byte, with their hashes
    folder, tar   where the files of an export lie; both are read without trusting them
    source        the database that is read: its collections, a snapshot where there is one
    export        from a source into a folder or a tar
    target        the database that is written: its guards, inserting, comparing
    restore       from a folder or a tar into a target, in steps that can be repeated

What a person sees of it is in `app.cli.data`; how to use it is in docs/how-to/production.md.
"""

IMPORT = "import"
"""The name under which an import holds the leases of maintenance until the database is whole."""
