"""toml: values of the fields' types or a ConfigError that tells every fault at once, with file, key and nearest key."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.config.schema import read_dataclass, read_file
from reedmesh.errors import ConfigError


@dataclass(frozen=True)
class Neighbour:
    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class Broker:
    host: str = "127.0.0.1"
    port: int = field(default=1883, metadata={"min": 1, "max": 65535})


@dataclass(frozen=True)
class Config:
    name: str
    broker: Broker = field(default_factory=Broker)
    rate: float = field(default=0.5, metadata={"min": 0.0})
    embedded: bool = False
    tags: tuple[str, ...] = ()
    pins: tuple[int, ...] = field(default=(), metadata={"max": 48})
    neighbours: tuple[Neighbour, ...] = ()
    labels: dict[str, str | int | float] = field(default_factory=dict)
    limit: int | None = None


FULL = """
name = "gw1"
rate = 2
embedded = true
tags = ["a", "b"]
pins = [1, 2]
limit = 7
[broker]
port = 1884
[labels]
line = "three"
floor = 2
x = 1.5
[[neighbours]]
name = "gw2"
[[neighbours]]
name = "gw3"
weight = 0.5
"""


def faults(table: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        read_dataclass(Config, {"name": "gw1"} | table, "gw.toml")
    return str(refusal.value).splitlines()


def test_every_kind_of_field_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gw.toml"
    path.write_text(FULL)
    assert read_file(Config, path) == Config(
        name="gw1",
        broker=Broker(port=1884),
        rate=2.0,
        embedded=True,
        tags=("a", "b"),
        pins=(1, 2),
        neighbours=(Neighbour("gw2"), Neighbour("gw3", 0.5)),
        labels={"line": "three", "floor": 2, "x": 1.5},
        limit=7,
    )


def test_defaults_stand_in_for_what_is_left_out() -> None:
    config = read_dataclass(Config, {"name": "gw1"}, "gw.toml")
    assert config == Config("gw1")


def test_a_whole_number_serves_as_a_number_and_becomes_one() -> None:
    assert type(read_dataclass(Config, {"name": "gw1", "rate": 2}, "gw.toml").rate) is float


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"nme": 1}, 'gw.toml: unknown key "nme"; did you mean "'),
        ({"broker": {"prot": 1}}, 'gw.toml: unknown key "broker.prot"; did you mean "broker.port"?'),
        ({"neighbours": [{"name": "a"}, {"nam": "b", "name": "b"}]}, 'gw.toml: unknown key "neighbours[1].nam"'),
        ({"neighbours": [{}]}, 'gw.toml: missing key "neighbours[0].name", text in "quotes"'),
        ({"rate": "fast"}, 'gw.toml: "rate" must be a number, not "fast"'),
        ({"rate": True}, 'gw.toml: "rate" must be a number, not true'),
        ({"rate": float("nan")}, 'gw.toml: "rate" must be a number, not nan'),
        ({"rate": 10**400}, 'gw.toml: "rate" must be a number, not 1000'),
        ({"rate": -0.1}, 'gw.toml: "rate" must be at least 0.0, not -0.1'),
        ({"embedded": 1}, 'gw.toml: "embedded" must be true or false, not 1'),
        ({"broker": {"port": 0}}, 'gw.toml: "broker.port" must be at least 1 and at most 65535, not 0'),
        ({"broker": {"port": 1883.0}}, 'gw.toml: "broker.port" must be a whole number, not 1883.0'),
        ({"broker": "localhost"}, 'gw.toml: "broker" must be a table, not "localhost"'),
        ({"tags": "a"}, 'gw.toml: "tags" must be an array, each item text in "quotes", not "a"'),
        ({"tags": ["a", 1]}, 'gw.toml: "tags[1]" must be text in "quotes", not 1'),
        ({"pins": [1, 49]}, 'gw.toml: "pins[1]" must be at most 48, not 49'),
        (
            {"labels": {"a": True}},
            'gw.toml: "labels.a" must be text in "quotes" or a whole number or a number, not true',
        ),
        ({"labels": {"a\nb": True}}, 'gw.toml: "labels.a\\nb" must be'),
        ({"rate": "fast\u2028"}, 'gw.toml: "rate" must be a number, not "fast\\u2028"'),
        ({"limit": []}, 'gw.toml: "limit" must be a whole number, not an array'),
    ],
)
def test_a_fault_is_named_with_its_place(table: dict[str, object], fault: str) -> None:
    (line,) = faults(table)
    assert line.startswith(fault)


def test_the_nearest_key_is_one_that_is_not_set_already() -> None:
    assert faults({"broker": {"port": 1, "prt": 2, "host": "x"}})[0].endswith('"broker.port"?')
    assert faults({"broker": {"host": "x", "hosts": "y"}})[0].endswith('"broker.port"?')


def test_all_faults_are_told_at_once() -> None:
    lines = faults({"nam": 1, "rate": -1, "broker": {"port": "x", "hots": "y"}, "tags": [1, 2]})
    assert len(lines) == 6
    assert all(line.startswith("gw.toml: ") for line in lines)


def test_a_missing_key_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r'gw\.toml: missing key "name", text in "quotes"'):
        read_dataclass(Config, {}, "gw.toml")


def test_a_prefix_stands_before_keys() -> None:
    with pytest.raises(ConfigError, match=r'unknown key "site\.broker\.prot"; did you mean "site\.broker\.port"\?'):
        read_dataclass(Broker, {"prot": 1}, "gw.toml", "site.broker.")


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "No such file"), (b"name = 1 2", "not TOML: .*line 1, column 10"), (b"\xff", "not TOML: .*decode")],
)
def test_a_file_missing_or_not_toml_is_one_line(tmp_path: Path, content: bytes | None, fault: str) -> None:
    path = tmp_path / "gw.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=fault) as refusal:
        read_file(Config, path)
    assert str(refusal.value).startswith(f"{path}: ") and "\n" not in str(refusal.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "port", "host", "x"]), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*Config.__dataclass_fields__, "other"]), JSON))
def test_any_table_is_a_config_or_a_config_error(table: dict[str, object]) -> None:
    try:
        assert isinstance(read_dataclass(Config, table, "gw.toml"), Config)
    except ConfigError as refusal:
        assert all(line.startswith("gw.toml: ") for line in str(refusal).splitlines())
