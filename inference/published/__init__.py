"""Published figures and ours: rows as TOML, results as a table, one command for each."""
