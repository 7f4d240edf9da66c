"""Spreadsheets, cell by cell: XLSX and ODS."""
