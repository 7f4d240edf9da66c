"""Task types that work on tables."""

from dtq_library.tables.analyze.task import analyse_table
from dtq_library.tables.check.task import check_table
from dtq_library.tables.clean.task import clean_table
from dtq_library.tables.query.task import query_tables
from dtq_library.tables.transform.task import transform_table

__all__ = ["analyse_table", "check_table", "clean_table", "query_tables", "transform_table"]
