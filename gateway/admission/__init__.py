"""Who gets in: places, API keys, rate limits, and who a client behind proxies is."""
