"""What several components need of TFX: inputs that come once a candidate, evidence of refusals."""
