"""How good a trained classifier is, and where it fails, on pictures it has not seen."""
