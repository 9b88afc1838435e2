"""Who may have how much: places for requests in flight, API keys, rate limits."""
