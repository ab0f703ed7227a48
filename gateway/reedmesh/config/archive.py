"""Settings of the archive: objects of the site, coded over its gateways."""

from dataclasses import dataclass, field

from reedmesh.config.exchange import Exchange


@dataclass(frozen=True)
class Archive:
    """What this gateway keeps for others, and places with them. Without `megabytes` it takes no part."""

    megabytes: int = field(default=0, metadata={"min": 0, "max": 1_000_000})  # of shards kept here, and placed by us
    days: int = field(default=365, metadata={"min": 0, "max": 36_500})  # models and ledger heads are kept; 0: none are
    backup_days: int = field(
        default=30, metadata={"min": 0, "max": 36_500}
    )  # sealed backups are kept; 0: none are made


def archive_faults(wanted: Archive, exchange: Exchange) -> list[str]:
    """Contradictions in `[archive]`, one sentence each."""
    if wanted.megabytes and exchange.secret:
        return ["archive.megabytes: a sealed federation ([exchange] secret) has no archive: its topics carry names"]
    return []
