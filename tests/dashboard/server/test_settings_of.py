"""What the command line says of brokers becomes settings: host, port and password each in their place."""

import argparse
from pathlib import Path

from reedmesh.config.hosts import Address
from reedmesh.dashboard.server import serve


def test_brokers_of_the_command_line_have_their_passwords(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("127.0.0.1:1883 5e5e\n")
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    chosen = parser.parse_args(["127.0.0.1:1883", "hall2:1884", "--passwords", str(file)])
    first, second = serve.settings_of(chosen).brokers
    assert (first.nodes, first.password) == ([Address("127.0.0.1", 1883)], "5e5e")
    assert (second.nodes, second.password) == ([Address("hall2", 1884)], "")
