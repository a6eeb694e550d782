"""Pools, their workers and what is wrong with them, as one table."""

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from pollwatch.cli.display.words import span
from pollwatch.control.overview import Leader, Overview, PoolRow, WorkerRow


def status(overview: Overview) -> RenderableType:
    """Draw the table, who leads above it and what is wrong below."""
    parts: list[RenderableType] = [_heading(overview)]
    if not overview.pools:
        parts.append(Text("no ProbePool; a pool is made by: kubectl apply -f manifests/samples/pools/"))
        return Group(*parts)
    drawn = Table(
        Column("POOL / WORKER"),
        Column("READY"),
        *(Column(name, justify="right") for name in ("CHECKS", "TARGETS", "PROBES/S", "BUSY", "LATE", "LAG")),
        Column("PLAN"),
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
        pad_edge=False,
    )
    for column in drawn.columns:
        column.no_wrap = True
    for pool in overview.pools:
        _add_pool(drawn, pool)
    parts.append(drawn)
    for pool in overview.pools:
        parts += [Text(f"✗ {pool.name}: {problem}", "red") for problem in pool.problems]
        told = "\n".join(pool.problems).lower()
        for worker in pool.workers:
            # What the pool says of one worker is not said twice.
            if worker.problem and worker.problem.lower() not in told:
                parts.append(Text(f"✗ {worker.name}: {worker.problem}", "red"))
    return Group(*parts)


def _heading(overview: Overview) -> Text:
    return Text.assemble((overview.server, "bold"), "   ", _leader(overview.leader))


def _leader(leader: Leader | None) -> Text:
    if leader is None:
        return Text("✗ no operator has ever led here: is it running?", "red")
    if not leader.holder:
        return Text("✗ no operator leads: the last one stopped", "red")
    if leader.renewed is None or not leader.leads:
        ago = "never" if leader.renewed is None else f"{span(leader.renewed)} ago"
        return Text(f"✗ no operator leads: {leader.holder} renewed its Lease {ago}", "red")
    return Text(f"led by {leader.holder}")


def _add_pool(drawn: Table, pool: PoolRow) -> None:
    all_ready = pool.ready == pool.replicas
    drawn.add_row(
        Text(pool.name, "bold"),
        Text(f"{pool.ready}/{pool.replicas}", "" if all_ready else "red"),
        _number(pool.checks),
        _number(pool.targets),
        _number(pool.probes_per_second),
        _number(pool.utilisation, " %"),
        _number(pool.lateness, " ms"),
        "",
        "",
    )
    for worker in pool.workers:
        drawn.add_row(
            f"  {worker.name}",
            Text("yes") if worker.ready else Text("no", "red"),
            _number(worker.checks),
            _number(worker.targets),
            "",
            _number(worker.utilisation, " %"),
            _number(worker.lateness, " ms"),
            _number(worker.lag, " s"),
            _plan(worker),
        )


def _plan(worker: WorkerRow) -> Text:
    if not worker.revision:
        return Text("-", "dim")
    if worker.live == worker.revision:
        return Text(f"{worker.revision} live")
    return Text(f"{worker.revision}, live is {worker.live or 'none'}", "yellow")


def _number(value: int | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:,}{unit}"
