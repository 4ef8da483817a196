"""Files as people have them: delimited text of any encoding, pictures of any kind."""
