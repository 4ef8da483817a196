"""Reading and writing files: delimited text in any encoding, tables in every format, and pictures."""
