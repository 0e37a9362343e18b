"""The package of a pushed model: its versioned folder and the code that travels with it."""
