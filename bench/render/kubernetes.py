"""The Kubernetes manifest of load generators: `bench workers manifest`.

It has a scheduler, its workers, and a container in which you call `bench`. Only these reach each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

SCHEDULER = "bench-scheduler"
"""Name of the scheduler's Deployment, and of its Service."""
WORKER = "bench-worker"
"""Name of the workers' Deployment."""
COMMAND_LINE = "bench"
"""Name of the Deployment in which you call `bench`."""
TLS_SECRET = "bench-workers-tls"  # noqa: S105 - a name
"""Name of the Secret with the certificate and its key."""
TLS_FOLDER = "/tls"
"""Folder of the certificate and its key in each container."""
_PART_OF = {"app.kubernetes.io/part-of": "bench-workers"}
_COMPONENT = "app.kubernetes.io/component"
_USER = 65532
# The group may read the key, and no other user.
_KEY_MODE = 0o440
_MEBIBYTE = "Mi"
_HEAD = """\
# Written by `bench workers manifest`. Create the Secret first:
#   kubectl create secret generic {secret} --from-file FOLDER
"""


@dataclass(frozen=True, slots=True)
class WorkersManifest:
    """Load generators in a Kubernetes cluster."""

    image: str
    """Image with `bench` and Dask, with its digest or an exact version."""
    count: int
    """Number of workers."""
    port: int
    """Port of the scheduler."""
    scheduler_command: Sequence[str]
    """Command of the scheduler."""
    worker_command: Sequence[str]
    """Command of a worker."""
    environment: Mapping[str, str]
    """Variables of all containers."""
    cores: float = 1.0
    """Cores that each worker reserves."""
    memory_mb: int = 512
    """Memory of each container, in MiB."""


def workers_manifest(manifest: WorkersManifest) -> str:
    """Return the documents in YAML, for `kubectl apply`."""
    documents = [
        _network_policy(),
        _service(manifest.port),
        _deployment(manifest, SCHEDULER, manifest.scheduler_command),
        _deployment(manifest, WORKER, manifest.worker_command, manifest.count),
        _deployment(manifest, COMMAND_LINE, ("sleep", "infinity")),
    ]
    return _HEAD.format(secret=TLS_SECRET) + yaml.safe_dump_all(
        documents, explicit_start=True, sort_keys=False, width=100
    )


def _labels(name: str) -> dict[str, str]:
    return {**_PART_OF, _COMPONENT: name}


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "labels": _labels(name)}


def _network_policy() -> dict[str, Any]:
    """Return the rule that only load generators, their scheduler and `bench` reach each other."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "bench-workers", "labels": dict(_PART_OF)},
        "spec": {
            "podSelector": {"matchLabels": dict(_PART_OF)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": dict(_PART_OF)}}]}],
        },
    }


def _service(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(SCHEDULER),
        "spec": {"selector": _labels(SCHEDULER), "ports": [{"name": "dask", "port": port}]},
    }


def _deployment(
    manifest: WorkersManifest, name: str, command: Sequence[str], count: int = 1
) -> dict[str, Any]:
    """Return a Deployment. Its containers get the memory that they reserve, and as many cores as are free."""
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(manifest, name, command)],
        "volumes": [
            {"name": "tls", "secret": {"secretName": TLS_SECRET, "defaultMode": _KEY_MODE}},
            {"name": "files", "emptyDir": {}},
        ],
    }
    if name == WORKER:  # two on one node share its cores and its network
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _labels(WORKER)},
            }
        ]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name),
        "spec": {
            "replicas": count,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _labels(name)},
            "template": {"metadata": {"labels": _labels(name)}, "spec": pod},
        },
    }


def _container(manifest: WorkersManifest, name: str, command: Sequence[str]) -> dict[str, Any]:
    memory = f"{manifest.memory_mb}{_MEBIBYTE}"
    environment: list[dict[str, Any]] = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    ]
    for variable, value in manifest.environment.items():
        environment.append({"name": variable, "value": value})
    container: dict[str, Any] = {
        "name": name,
        "image": manifest.image,
        "command": list(command),
        "env": environment,
        "resources": {
            "requests": {"cpu": f"{manifest.cores:g}" if name == WORKER else "250m", "memory": memory},
            "limits": {"memory": memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "tls", "mountPath": TLS_FOLDER, "readOnly": True},
            {"name": "files", "mountPath": "/work"},
        ],
        "workingDir": "/work",
    }
    if name == SCHEDULER:
        container["ports"] = [{"name": "dask", "containerPort": manifest.port}]
        container["readinessProbe"] = {"tcpSocket": {"port": "dask"}}
    return container
