"""What a person sees in the terminal: progress, tables, errors, how a command ends."""
