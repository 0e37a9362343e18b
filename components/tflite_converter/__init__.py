"""Turns one student into TFLite files and proves each against its Keras original."""
