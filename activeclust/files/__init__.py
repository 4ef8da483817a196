"""Reading and writing files: delimited text in any encoding, and pictures."""
