"""How files come to lie on disk: whole or not at all, once, and under the name of what they depend on."""
