"""The choice of a setting, the job list, and the family that is written."""

from dataclasses import replace
from pathlib import Path

import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference.family import find_family, load_family, read_plan
from reedmesh.inference.learnt import highest_rate
from reedmesh.jobs import kinds, picture, trial, tuned_family, tuning
from reedmesh.jobs.trial import settings
from reedmesh.jobs.tuning import Chosen, Worth
from reedmesh.provisioning.sensor_settings import _room

FAMILIES = "vibration", "process", "sound", "coldroom"
PLAN = read_plan(find_family("vibration"))
START = tuning.own(PLAN, 200)
TRIED = tuning.grid(START)
POOR = Worth(0.5, 0.2, 0.0, 0.0, 0.01)


def found(**better: Worth) -> list[tuple[tuning.Trial, list[Worth]]]:
    """All trials, poor but for those settings ("bands-margin") that `better` names, in all quantiles and rules."""
    told = []
    for each in tuning.trials(START, 300):
        every = settings(TRIED["quantiles"], TRIED["margins"], TRIED["rules"])
        names = [f"b{each.features['bands']}m{it.margin:g}".replace(".", "_") for it in every]
        told.append((each, [better.get(name, POOR) for name in names]))
    return told


@pytest.mark.parametrize("name", FAMILIES)
def test_the_setting_of_a_family_is_among_those_that_are_tried(name: str) -> None:
    plan = read_plan(find_family(name))
    start = tuning.own(plan, plan.recipe.samples)
    tried, trials = tuning.grid(start), tuning.trials(start, plan.training.windows)
    assert start.setting in set(settings(tried["quantiles"], tried["margins"], tried["rules"]))
    assert start.trial in trials and len({(str(each.features), each.windows) for each in trials}) == len(trials)
    for each in trials:
        kinds.find("search").about(tuning.searching(each, tried, "tune", plan.recipe.samples))
        kinds.find("search").about(tuning.searching(each, tuning.alone(start.setting), "check", 16))


def test_the_family_stays_as_it_is_where_nothing_does_better() -> None:
    assert tuning.best(START, TRIED, found())[0] == START


def test_what_does_better_is_chosen_nearest_to_the_family() -> None:
    good = Worth(1.0, 0.9, 0.0, 0.0, 0.01)
    near = {f"b16m{margin}": good for margin in ("1_4", "1_6", "1_8", "2", "2_4")}
    far = {f"b4m{margin}": good for margin in ("1_4", "1_6", "1_8", "2", "2_4")}
    chosen, worth = tuning.best(START, TRIED, found(**near, **far))
    assert worth == good and chosen == Chosen(
        replace(START.trial, features={**START.trial.features, "bands": 16}), START.setting
    )


def test_one_lucky_margin_is_passed_over_for_a_plateau() -> None:
    lucky, good = Worth(1.0, 1.0, 0.0, 0.0, 0.01), Worth(0.9, 0.8, 0.0, 0.0, 0.01)
    plateau = {f"b12m{margin}": good for margin in ("1_4", "1_6", "1_8", "2", "2_4")}
    chosen, _ = tuning.best(START, TRIED, found(b20m3_4=lucky, **plateau))
    assert chosen.trial.features["bands"] == 12


def test_what_is_not_calm_or_cries_wolf_is_not_chosen() -> None:
    loud = {f"b8m{margin}": Worth(1.0, 1.0, 0.0, 0.0, 0.2, 0.3) for margin in ("1_4", "1_6", "1_8", "2", "2_4")}
    wolf = {f"b12m{margin}": Worth(1.0, 1.0, 0.0, 9.0, 0.01) for margin in ("1_4", "1_6", "1_8", "2", "2_4")}
    assert tuning.best(START, TRIED, found(**loud, **wolf))[0] == START


def test_several_recordings_count_by_their_mean_and_their_worst() -> None:
    it = tuning.together([Worth(1.0, 1.0, 0.0, 0.0, 0.01), Worth(0.5, 0.0, 0.2, 2.0, 0.03)])
    assert it == Worth(0.75, 0.0, 0.1, 1.0, 0.03)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_tuned_family_is_written_read_and_says_what_it_was_tuned_on(name: str, tmp_path: Path) -> None:
    source = find_family(name)
    plan = read_plan(source)
    start = tuning.own(plan, plan.recipe.samples)
    features = start.trial.features | ({"bands": 6} if "bands" in start.trial.features else {})
    chosen = Chosen(tuning.Trial(features, 77), replace(start.setting, margin=2.5, on=3, of=5))
    file = tuned_family.write(source, tmp_path / "kiln", plan, chosen, "Tuned by a test.\nSecond line.")
    family = load_family(file.parent)
    assert (family.name, family.training.windows, family.sums.margin) == ("kiln", 77, 2.5)
    assert (family.alerts.on, family.alerts.of, family.recipe.table()) == (3, 5, dict(features))
    text = file.read_text()
    assert text.startswith("# Tuned by a test.\n# Second line.\n")
    before = (source / "model.toml").read_text().splitlines()
    assert sum("# " in line for line in text.splitlines()) == 2 + sum("# " in line for line in before)
    assert not family.int8_tflite and _room(family) >= 2048, "nothing was built, and sensors have room for its models"
    tuned_family.write(source, tmp_path / "kiln", plan, chosen, "Tuned by a test.")  # again, over its own


def test_another_family_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.toml").write_text("name = 'mine'\n")
    with pytest.raises(ConfigError, match="another family"):
        tuned_family.write(find_family("vibration"), tmp_path / "mine", PLAN, START, "Tuned.")


def test_the_picture_marks_where_it_began_and_what_was_chosen() -> None:
    drawn = picture.svg("a < b", found(), POOR, Worth(1.0, 1.0, 0.0, 20.0, 0.0))
    assert drawn.startswith("<svg") and "a &lt; b" in drawn and "chosen" in drawn and "nan" not in drawn
    assert 1 <= drawn.count('r="2.5"') < 20, "points that fall together are drawn once"


def test_a_job_of_the_search_is_worth_what_the_yardstick_says() -> None:
    told = {"rows": [[1000, 500, 100, 2, 30, 7]], "pairs": 3, "normal": 500}
    (worth,) = tuning.worths(told)
    assert worth == Worth(1.0, 0.5, 0.1, 4.0, 0.06, highest_rate(30, 500)) and worth.total == 750 - 100 - 400
    assert not worth.is_calm
    assert trial.WHOLE == 1000
