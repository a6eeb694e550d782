"""The custom resources there are: their names, models and columns."""

from pollwatch.api import check, pool
from pollwatch.api.crd import Resource
from pollwatch.api.pool_status import ProbePoolStatus
from pollwatch.api.status import CheckStatus

CHECK = Resource(
    kind=check.KIND,
    plural=check.PLURAL,
    short_name="chk",
    namespaced=True,
    model=check.Check,
    spec=check.CheckSpec,
    status=CheckStatus,
    selectable=(".status.verdict",),
    columns=(
        {
            "name": "Verdict",
            "type": "string",
            "jsonPath": ".status.verdict",
            "description": "The judgement over all targets: Up, Degraded, Down or Unknown.",
        },
        {
            "name": "Targets",
            "type": "string",
            "jsonPath": ".status.targets.summary",
            "description": "How many targets are Up, of how many.",
        },
        {
            "name": "Since",
            "type": "date",
            "jsonPath": ".status.lastTransitionTime",
            "description": "How long the verdict has been what it is.",
        },
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {
            "name": "Address",
            "type": "string",
            "jsonPath": ".status.address",
            "description": "The address that failed last, while one fails.",
            "priority": 1,
        },
        {
            "name": "Reason",
            "type": "string",
            "jsonPath": ".status.reason",
            "description": "Why it failed.",
            "priority": 1,
        },
        {
            "name": "Accepted",
            "type": "string",
            "jsonPath": '.status.conditions[?(@.type=="Accepted")].reason',
            "description": "Accepted, or why the spec cannot be carried out.",
            "priority": 1,
        },
        {
            "name": "Ready",
            "type": "string",
            "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
            "description": "Probing, or why it is not probed, or not everywhere.",
            "priority": 1,
        },
    ),
)

PROBE_POOL = Resource(
    kind=pool.KIND,
    plural=pool.PLURAL,
    short_name="pp",
    namespaced=False,
    model=pool.ProbePool,
    spec=pool.ProbePoolSpec,
    status=ProbePoolStatus,
    replicas={"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
    columns=(
        {
            "name": "Ready",
            "type": "string",
            "jsonPath": ".status.conditions[?(@.type=='Ready')].status",
            "description": "Whether all workers run.",
        },
        {
            "name": "Replicas",
            "type": "string",
            "jsonPath": ".status.summary",
            "description": "How many workers are ready, of how many.",
        },
        {
            "name": "Reason",
            "type": "string",
            "jsonPath": ".status.reason",
            "description": "What is wrong first of all, in one word.",
        },
        {
            "name": "Checks",
            "type": "integer",
            "jsonPath": ".status.checks",
            "description": "How many Checks are probed.",
        },
        {
            "name": "Targets",
            "type": "integer",
            "jsonPath": ".status.targets",
            "description": "How many targets they have.",
        },
        {
            "name": "Probes/s",
            "type": "integer",
            "jsonPath": ".status.probesPerSecond",
            "description": "How many probes a second their periods ask for.",
        },
        {
            "name": "Util%",
            "type": "integer",
            "jsonPath": ".status.utilisationPercent",
            "description": "How much of one core the busiest worker uses.",
        },
        {
            "name": "Late-ms",
            "type": "integer",
            "jsonPath": ".status.latenessMilliseconds",
            "description": "How late probes start: the 99th percentile of the last minute, in milliseconds.",
        },
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {
            "name": "Delivered",
            "type": "string",
            "jsonPath": ".status.conditions[?(@.type=='Delivered')].status",
            "description": "Whether every worker probes by the plan of now.",
            "priority": 1,
        },
        {
            "name": "Message",
            "type": "string",
            "jsonPath": ".status.message",
            "description": "The same for people, with what to do.",
            "priority": 1,
        },
    ),
)

RESOURCES = (CHECK, PROBE_POOL)
"""All of them, in the order in which a reader meets them."""
