"""From uploaded bytes to probabilities. Knows neither HTTP nor Flask."""
