"""The engine behind the words: declarations, one typed line, items, errors, names, the wire."""
