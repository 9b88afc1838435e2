"""Which version answers, and what is known of it."""
