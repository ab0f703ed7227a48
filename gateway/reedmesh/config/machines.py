"""Settings of machines and parts, for the maintenance view and for thresholds of parts."""

from dataclasses import dataclass, field

ISO_CLASSES = ("", "I", "II", "III", "IV")


@dataclass(frozen=True)
class Bearing:
    """A rolling bearing, by its geometry: its frequencies are marked on the spectrum."""

    balls: int = field(metadata={"min": 3, "max": 200})
    ball_mm: float = field(metadata={"min": 0.1, "max": 1000.0})  # diameter of a ball or roller
    pitch_mm: float = field(metadata={"min": 0.2, "max": 10_000.0})  # diameter of the circle of their centres
    angle_deg: float = field(default=0.0, metadata={"min": 0.0, "max": 80.0})  # of contact
    name: str = ""  # such as 6205


@dataclass(frozen=True)
class Machine:
    """The machine of one sensor, for the maintenance view."""

    iso_class: str = ""  # I (to 15 kW), II (to 75 kW), III (large, rigid foundation), IV (large, soft); ISO 10816-1
    rpm: float | None = field(default=None, metadata={"min": 1.0, "max": 200_000.0})  # speed of the shaft
    lsb_per_g: float | None = field(default=None, metadata={"min": 1e-3, "max": 1e8})  # not set: the sensor's own
    bearings: tuple[Bearing, ...] = ()


@dataclass(frozen=True)
class PartCosts:
    """Costs of wrong verdicts on parts, in any currency: thresholds follow from them once faults are labelled."""

    escape_cost: float = field(default=100.0, metadata={"min": 0.001, "max": 1e9})  # of a NOK part that passes
    overkill_cost: float = field(default=1.0, metadata={"min": 0.001, "max": 1e9})  # of an OK part that does not
    nok_share: float = field(default=0.02, metadata={"min": 1e-6, "max": 0.9})  # of the parts that are NOK, about


def machine_faults(machines: dict[str, Machine]) -> list[str]:
    """Contradictions in `[machines.NAME]`, one sentence each."""
    faults = []
    for name, machine in machines.items():
        if machine.iso_class not in ISO_CLASSES:
            faults.append(f'machines.{name}.iso_class = "{machine.iso_class}": one of I, II, III, IV')
        for i, each in enumerate(machine.bearings):
            if each.ball_mm >= each.pitch_mm:
                faults.append(f"machines.{name}.bearings[{i}].ball_mm: less than pitch_mm, {each.pitch_mm:g}")
    return faults
