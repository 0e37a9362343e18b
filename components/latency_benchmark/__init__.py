"""Times every TFLite variant of a run on one device, together, interleaved with a fixed reference model."""
