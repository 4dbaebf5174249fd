"""Labels: scores from names and tables, the score book, its history, and importing photos."""
