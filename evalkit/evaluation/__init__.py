"""What the commands and the notebook interface do: from names and paths to runs, scores, tables and reports."""
