"""Sound itself: decoding files, taking clips in, cutting windows. No TFX here."""
