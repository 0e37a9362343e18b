"""How things of which there are several kinds are found: a module each, in one package."""
