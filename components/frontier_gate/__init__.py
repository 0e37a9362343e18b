"""All reports in, a verdict out: goals, dominance, blessings, the picture and the page."""
