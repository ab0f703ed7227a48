"""The dashboard: web pages that show the messages of gateways and send them requests. A process of its own.

It is an MQTT client like any other: `fold` makes frozen values (`view`) of what it hears, `feed` keeps these up to
date and asks gateways, `routes` says which address shows which page, `guard` lets requests pass or not, `serve` puts it
all on a port. A slow browser, or this process gone, changes nothing for an alert.
"""

from reedmesh.dashboard.server.serve import add_arguments, add_user_arguments, main, print_user

__all__ = ["add_arguments", "add_user_arguments", "main", "print_user"]
