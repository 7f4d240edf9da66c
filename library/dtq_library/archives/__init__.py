"""The engine of *Compress files* and *Extract an archive*.

    pack.py       files into a zip or tar.gz
    unpack.py     which kind of archive a file is, and its entries
    inflate.py    gzip, bzip2 and xz as a stream, with limits on output and memory
    zips.py       entries of a zip; tars.py those of a tar
    entries.py    what an entry is, which ones are saved, under which name, and within which limits
    parameters.py what the forms ask

Nothing is ever written to a path that an archive names: entries go to files of our own, and their names are
those of the result. So there is no way out of a folder, whatever an archive says; entries that try are left
out all the same, because somebody meant harm.
"""
