"""Reports of evaluations and comparisons: tables for the terminal, files, and one page with plots."""
