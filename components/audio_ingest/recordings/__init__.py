"""A plain folder as corpus: its recordings are listed, split, measured, cut into rows."""
