"""The networks and the front end: plain tf_keras and LiteRT, no TFX."""
