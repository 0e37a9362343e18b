"""Times every TFLite variant of a run in one session, interleaved with a fixed reference model."""
