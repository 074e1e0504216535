"""Data: from whatever a caller has to checked arrays, batches and rows."""
