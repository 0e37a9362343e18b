"""Sound itself: decoding files and cutting windows. No TFX and no TensorFlow here."""
