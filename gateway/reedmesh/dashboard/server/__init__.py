"""The web server: routes, login, limits, headers."""
