"""Settings: the example shows every default, and a wrong file is refused with a line for each fault."""

import re
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.config import settings
from reedmesh.errors import ConfigError
from tests.support.paths import ROOT

EXAMPLE = ROOT / "gateway" / "reedmesh.example.toml"


def written(folder: Path, text: str) -> Path:
    file = folder / "reedmesh.toml"
    file.write_text(text)
    return file


def test_the_example_shows_every_key_with_its_default() -> None:
    shown = settings.load_config(EXAMPLE)
    assert shown == settings.Config(shown.name, shown.state)
    text = EXAMPLE.read_text()
    parts = [
        shown,
        shown.broker,
        shown.alerts,
        shown.learning,
        shown.store,
        shown.home_assistant,
        shown.sparkplug,
        shown.notify,
        shown.assistant,
        settings.Neighbour("", "", ""),
        settings.Serial(""),
        settings.Route(("",)),
    ]
    missing = [
        key
        for part in parts
        for key in vars(part)
        if not re.search(rf"^(# )?\[*(notify\.)?{key}\b", text, re.MULTILINE)
    ]
    assert missing == []


def test_each_fault_has_its_line_with_file_key_and_nearest_key(tmp_path: Path) -> None:
    file = written(tmp_path, 'name = "a"\nstat = "s"\n[broker]\nprot = 1\nkeepalive = "x"\n[alerts]\non = 0\n')
    with pytest.raises(ConfigError) as error:
        settings.load_config(file)
    lines = str(error.value).splitlines()
    assert all(line.startswith(f"{file}: ") for line in lines)
    for words in (['"stat"', '"state"'], ['"broker.prot"', '"broker.port"'], ['"broker.keepalive"'], ['"alerts.on"']):
        assert any(all(word in line for word in words) for line in lines), words


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, 'name = "Hall 1"\nstate = "s"\n[alerts]\non = 9\nof = 5\n')
    with pytest.raises(ConfigError) as error:
        settings.load_config(file)
    assert 'name = "Hall 1"' in str(error.value) and "alerts.on = 9" in str(error.value)


def test_a_serial_port_is_opened_once(tmp_path: Path) -> None:
    table = '[[serial]]\nport = "{}"\n'
    head = 'name = "a"\nstate = "s"\n'
    good = settings.load_config(written(tmp_path, head + table.format("/dev/a") + table.format("/dev/b")))
    assert good.serial == (settings.Serial("/dev/a", 115200), settings.Serial("/dev/b"))
    with pytest.raises(ConfigError, match=r"serial\[1\]\.port"):
        settings.load_config(written(tmp_path, head + 2 * table.format("/dev/a")))


def test_neighbours_have_names_and_keys_of_their_own(tmp_path: Path) -> None:
    table = '[[neighbours]]\nname = "{}"\nhost = "h"\nplain = true\nkey = "{}"\n'
    good = written(tmp_path, 'name = "a"\nstate = "s"\n' + table.format("b", "0f" * 32) + table.format("c", "f0" * 32))
    assert settings.load_config(good).neighbours[1] == settings.Neighbour("c", "h", "f0" * 32, plain=True)
    for name, key, fault in [("a", "0f" * 32, "name"), ("b!", "0f" * 32, "name"), ("b", "0f" * 31, "key")]:
        with pytest.raises(ConfigError, match=rf"neighbours\[0\]\.{fault}"):
            settings.load_config(written(tmp_path, 'name = "a"\nstate = "s"\n' + table.format(name, key)))


def test_the_command_says_it_in_lines_and_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, 'name = "a"\nstate = "s"\nfamly = "x"\n')
    assert main(["check-config", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(file) in error and '"famly"' in error and '"family"' in error
    assert main(["check-config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
    assert main(["check-config", str(EXAMPLE)]) == 0


def test_what_leaves_the_machine_has_tls_unless_the_config_says_otherwise(tmp_path: Path) -> None:
    far = 'name = "a"\nstate = "s"\n[broker]\nhost = "10.0.0.1"\n'
    near = f'[[neighbours]]\nname = "b"\nhost = "10.0.0.2"\nkey = "{"0f" * 32}"\n'
    with pytest.raises(ConfigError) as caught:
        settings.load_config(written(tmp_path, far + near))
    assert str(caught.value).count("without TLS") == 2
    settings.load_config(written(tmp_path, far + 'ca = "ca.crt"\n' + near + "plain = true\n"))
    settings.load_config(written(tmp_path, 'name = "a"\nstate = "s"\n[broker]\nhost = "127.1.2.3"\n'))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('hosts = ["a", "b:8883"]', r'broker.hosts\[0\] = "a": reached without TLS'),
        ('host = "c"\nhosts = ["a"]\nplain = true', "broker.host and broker.hosts: one of them"),
        ('hosts = ["a", "b:x"]\nplain = true', r"broker.hosts\[1\] = 'b:x': host or host:port"),
        ('hosts = ["a", "a:1883"]\nplain = true', r'broker.hosts\[1\] = "a:1883": it stands there twice'),
        (f"hosts = {[f'h{i}' for i in range(10)]}\nplain = true", "10 nodes, 9 are the most"),
        ('cluster = "emqx"', 'broker.cluster = "emqx": "nats" or "rabbitmq"'),
        ('embedded = true\nhosts = ["127.0.0.1"]', "broker.embedded: it is one broker"),
        ('cluster = "nats"\npsk_port = 8884', "broker.psk_port: nats has no TLS-PSK"),
    ],
)
def test_the_nodes_of_a_cluster_that_cannot_be_are_refused_by_name(tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings.load_config(written(tmp_path, f'name = "a"\nstate = "s"\n[broker]\n{lines}\n'))


def test_nodes_have_the_port_of_the_table_unless_they_name_their_own(tmp_path: Path) -> None:
    text = 'name = "a"\nstate = "s"\n[broker]\nhosts = ["a", "b:1", "[::1]"]\nport = 8883\nca = "ca.crt"\n'
    assert settings.load_config(written(tmp_path, text)).broker.nodes == [("a", 8883), ("b", 1), ("::1", 8883)]


def test_what_is_secret_is_shown_to_nobody() -> None:
    told = settings.shown(
        settings.Config("a", "s", neighbours=(settings.Neighbour("b", "h", "0f", password="open sesame"),))
    )
    assert "sesame" not in str(told)
    assert told["neighbours"][0]["password"] == "***" and told["neighbours"][0]["key"] == "0f"
    assert told["broker"]["port"] == 1883


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "http://10.0.0.1:8080/v1"', "only by https"),
        ('url = "ftp://127.0.0.1/v1"', "https://HOST/v1"),
        ('url = "127.0.0.1:8080"', "https://HOST/v1"),
        ('url = "http://127.0.0.1/v1"\nmodel = "a.gguf"', "not both"),
        ('language = "xx"', "one of en, pt"),
        ('shifts = ["6:00"]', "such as"),
        ("shifts = []", "such as"),
        ('sha256 = "abc"', "64 of 0-9 a-f"),
        ("memory = 1", "at least 128"),
        ("seconds = 0", "at least 0.1"),
    ],
)
def test_a_language_model_is_on_this_machine_or_behind_tls_and_bounded(tmp_path: Path, line: str, said: str) -> None:
    head = 'name = "a"\nstate = "s"\n[assistant]\n'
    with pytest.raises(ConfigError, match=said):
        settings.load_config(written(tmp_path, head + line + "\n"))


def test_a_language_model_may_be_asked_on_loopback_and_by_https(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:8080/v1", "http://[::1]:8080/v1", "https://llm.example/v1"):
        text = f'name = "a"\nstate = "s"\n[assistant]\nurl = "{url}"\n'
        assert settings.load_config(written(tmp_path, text)).assistant.url == url


def test_a_sealed_federation_has_no_archive_for_its_topics_carry_names(tmp_path: Path) -> None:
    text = f'name = "a"\nstate = "s"\n[archive]\nmegabytes = 5\n[exchange]\nsecret = "{"5" * 64}"\n'
    with pytest.raises(ConfigError, match=r"archive\.megabytes: a sealed federation"):
        settings.load_config(written(tmp_path, text))
