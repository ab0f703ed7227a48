"""The dashboard: a web page that shows what gateways say on their brokers. A process of its own, read-only.

It is an MQTT client like any other and takes nothing from a gateway but its messages: `fold` makes frozen values
(`view`) of them, `feed` keeps these up to date, `page` draws them, `serve` puts it all on a port. A slow browser, or
this process gone, changes nothing for an alert.
"""

from reedmesh.dashboard.serve import add_arguments, main, serve

__all__ = ["add_arguments", "main", "serve"]
