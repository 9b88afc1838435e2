"""The pages, and the routes that only describe: a Flask application."""
