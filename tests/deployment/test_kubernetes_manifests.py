"""Every overlay of k8s/, alone and with its components: well-formed, whole, and hardened."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import pytest

from tests.deployment.files import load
from tests.deployment.kubernetes import (
    K8S,
    OVERLAYS,
    VARIANTS,
    Manifest,
    Variant,
    module,
    of_kind,
    pods,
    rendered,
    workload,
)

# The oldest that has all that is used, sleeping before a stop among it, and the newest whose schemas are published.
RELEASES = ("1.30", "1.37")
# Made by the operator, for they are secret or change by themselves.
MADE_BY_HAND = {
    ("Secret", "api-keys"),
    ("Secret", "object-store-reader"),
    ("Secret", "object-store-writer"),
    ("ConfigMap", "vitrine-release"),
}
# https://kubernetes.io/docs/concepts/security/pod-security-standards/, Restricted
RESTRICTED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"),
    *("projected", "secret"),
}
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=str)


def test_every_overlay_and_component_is_tried() -> None:
    assert {path.parent.name for path in K8S.glob("overlays/*/kustomization.yaml")} == set(OVERLAYS)
    tried = {component for variant in VARIANTS for component in variant.components}
    assert {path.parent.name for path in K8S.glob("components/*/kustomization.yaml")} == tried


@pytest.mark.parametrize("release", RELEASES)
def test_every_manifest_follows_the_schema_of_kubernetes(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    validate = module("kubernetes_validate").validate
    checker = module("kubernetes_validate.utils")
    # It would read a megabyte of definitions for each manifest.
    monkeypatch.setattr(checker, "schema_contents", functools.cache(checker.schema_contents))
    different = {json.dumps(one, sort_keys=True) for variant in VARIANTS for one in rendered(variant)}
    manifests = [one for one in map(json.loads, sorted(different)) if not custom(one)]
    assert len(manifests) > 50
    for manifest in manifests:
        validate(manifest, release, strict=True)


def test_the_schema_check_finds_a_misspelt_field() -> None:
    checker = module("kubernetes_validate")
    manifest = json.loads(json.dumps(of_kind(Variant("dev"), "Deployment")["gateway"]))
    manifest["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(checker.ValidationError, match="readynessProbe"):
        checker.validate(manifest, RELEASES[-1], strict=True)


def custom(manifest: Manifest) -> bool:
    """Of a kind that another project defines."""
    return bool(manifest["apiVersion"].startswith("monitoring.coreos.com/"))


@each_variant
def test_everything_lies_in_the_one_namespace_which_admits_restricted_pods_alone(variant: Variant) -> None:
    (namespace,) = of_kind(variant, "Namespace").values()
    labels = namespace["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    places = {one["metadata"].get("namespace") for one in rendered(variant) if one["kind"] != "Namespace"}
    assert places == {namespace["metadata"]["name"]}


@each_variant
def test_every_pod_is_restricted(variant: Variant) -> None:
    for pod in pods(variant):
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod.spec), pod.name
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (10001, 10001, 10001)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"sysctls", "seLinuxOptions", "windowsOptions"} & set(security)
        for volume in pod.spec["volumes"]:
            assert set(volume) - {"name"} <= RESTRICTED_VOLUMES, (pod.name, volume)
        for container in pod.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, (pod.name, container["name"])
            assert not any("hostPort" in port for port in container.get("ports", []))


@each_variant
def test_no_pod_has_a_token_or_the_default_account_or_variables_of_services(variant: Variant) -> None:
    accounts = of_kind(variant, "ServiceAccount")
    for pod in pods(variant):
        assert pod.spec["automountServiceAccountToken"] is False
        # Kubernetes would else set a VITRINE_PORT, or a SERVING_PORT, for Services of such names.
        assert pod.spec["enableServiceLinks"] is False
        assert accounts[pod.spec["serviceAccountName"]]["automountServiceAccountToken"] is False
    assert not [one["kind"] for one in rendered(variant) if "Role" in one["kind"]]


@each_variant
def test_every_container_has_bounds_and_an_image_that_stays_the_same(variant: Variant) -> None:
    for pod in pods(variant):
        for container in pod.containers:
            where = (pod.name, container["name"])
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), where
            assert {"cpu", "memory"} <= set(container["resources"]["limits"]), where
            if container["image"] != "vitrine-models":  # of the user's own making
                assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*|vitrine-\w+:dev", container["image"], re.A), where
            assert not container["image"].endswith(":latest")
            for key in container.get("env", []):
                assert "valueFrom" not in key, "secrets are mounted, for variables end up in logs"
        for volume in pod.spec["volumes"]:
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], (pod.name, volume)


@pytest.mark.parametrize("variant", [one for one in VARIANTS if one.overlay != "dev"], ids=str)
def test_a_model_server_is_among_the_pods_that_are_evicted_last(variant: Variant) -> None:
    """Kubernetes's class Guaranteed: requests are the limits, in the containers of the start, too."""
    for container in workload(variant, "serving").containers:
        requests, limits = (container["resources"][kind] for kind in ("requests", "limits"))
        assert requests.items() <= limits.items(), container["name"]
        assert set(requests) == {"cpu", "memory"}


@each_variant
def test_what_a_pod_mounts_is_there(variant: Variant) -> None:
    known = {(one["kind"], one["metadata"]["name"]) for one in rendered(variant)} | MADE_BY_HAND
    for pod in pods(variant):
        names = [volume["name"] for volume in pod.spec["volumes"]]
        assert len(names) == len(set(names)), pod.name
        for container in pod.containers:
            mounts = container.get("volumeMounts", [])
            assert {mount["name"] for mount in mounts} <= set(names), (pod.name, container["name"])
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts)
            # A single file that is mounted stays the old one when a new one takes its name.
            assert not any("subPath" in mount for mount in mounts)
            for source in container.get("envFrom", []):
                assert ("ConfigMap", source["configMapRef"]["name"]) in known
        mounted = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
        assert mounted == set(names), pod.name
        assert {reference for volume in pod.spec["volumes"] for reference in references(volume)} <= known, pod.name


def references(volume: dict[str, Any]) -> list[tuple[str, str]]:
    """What a volume names, as kind and name."""
    fields = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"))
    claims = ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName")
    return [(kind, volume[field][key]) for field, kind, key in (*fields, claims) if field in volume]


@each_variant
def test_services_budgets_and_the_autoscaler_find_their_pods(variant: Variant) -> None:
    for name, service in of_kind(variant, "Service").items():
        if name == "nobody":
            continue
        (pod,) = (one for one in pods(variant) if selects(service["spec"]["selector"], one.labels))
        ports = {port["name"] for port in pod.main["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for budget in of_kind(variant, "PodDisruptionBudget").values():
        (pod,) = (one for one in pods(variant) if selects(budget["spec"]["selector"]["matchLabels"], one.labels))
        # With minAvailable, a single replica could never be moved.
        assert budget["spec"]["maxUnavailable"] == 1
    deployments = of_kind(variant, "Deployment")
    for autoscaler in of_kind(variant, "HorizontalPodAutoscaler").values():
        scaled = deployments[autoscaler["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in scaled["spec"], "every apply would undo what the autoscaler did"
        assert 2 <= autoscaler["spec"]["minReplicas"] < autoscaler["spec"]["maxReplicas"]


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether labels have all that a selector wants."""
    return selector.items() <= labels.items()


@each_variant
def test_everything_has_the_recommended_labels(variant: Variant) -> None:
    for manifest in rendered(variant):
        labels = manifest["metadata"].get("labels", {})
        assert labels["app.kubernetes.io/part-of"] == "vitrine", (manifest["kind"], manifest["metadata"]["name"])
        assert {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by"} <= set(labels)
    for pod in pods(variant):
        assert pod.labels["app.kubernetes.io/name"] == pod.name
        assert pod.labels["app.kubernetes.io/component"]


@each_variant
def test_an_update_never_has_fewer_than_wanted(variant: Variant) -> None:
    for name in ("serving", "gateway"):
        spec = of_kind(variant, "Deployment")[name]["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        pod = workload(variant, name)
        keys = {one["topologyKey"] for one in pod.spec["topologySpreadConstraints"]}
        assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        for constraint in pod.spec["topologySpreadConstraints"]:
            assert selects(constraint["labelSelector"]["matchLabels"], pod.labels)
            assert constraint["whenUnsatisfiable"] == "ScheduleAnyway", "a crowded node is better than none"


@each_variant
def test_nobody_but_gateway_and_operator_reaches_the_model_servers_grpc(variant: Variant) -> None:
    policies = of_kind(variant, "NetworkPolicy")
    nobody = policies["default-deny"]["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies["serving"]["spec"]["ingress"]
    (who,) = rule["from"]
    assert set(who) == {"podSelector"}, "of this namespace alone"
    (expression,) = who["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == {"gateway", "operator"}
    assert [port["port"] for port in rule["ports"]] == ["grpc"]
    doors = {name for name, policy in policies.items() for one in policy["spec"].get("ingress", []) if opens(one)}
    assert doors <= {"serving", "gateway", "monitoring"}


def opens(rule: dict[str, Any]) -> bool:
    return bool(rule["ports"])


@each_variant
def test_only_the_gateway_is_open_to_strangers(variant: Variant) -> None:
    policies = of_kind(variant, "NetworkPolicy")
    strangers = {
        name for name, policy in policies.items() for rule in policy["spec"].get("ingress", []) if "from" not in rule
    }
    assert strangers == (set() if "ingress" in variant.components else {"gateway"})
    kinds = {name: one["spec"].get("type", "ClusterIP") for name, one in of_kind(variant, "Service").items()}
    assert {name for name, kind in kinds.items() if kind != "ClusterIP"} <= {"gateway"}


@each_variant
def test_the_release_is_never_among_what_apply_would_reset(variant: Variant) -> None:
    assert "vitrine-release" not in of_kind(variant, "ConfigMap")
    data = [key for one in of_kind(variant, "ConfigMap").values() for key in one["data"]]
    assert not {"release.json", "models.config"} & set(data)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_operators_pages_are_closed_to_the_ingress(overlay: str) -> None:
    (ingress,) = of_kind(Variant(overlay, ("ingress",)), "Ingress").values()
    (rule,) = ingress["spec"]["rules"]
    backends = {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    assert backends.pop("/") == "gateway"
    assert backends == dict.fromkeys(("/metrics", "/operations", "/api/v1/operations"), "nobody")
    assert not [pod for pod in pods(Variant(overlay)) if pod.labels["app.kubernetes.io/name"] == "nobody"]
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_volumes_are_of_a_kind_that_all_their_pods_can_mount(overlay: str) -> None:
    claims = of_kind(Variant(overlay), "PersistentVolumeClaim")
    modes = {mode for claim in claims.values() for mode in claim["spec"]["accessModes"]}
    if overlay in ("production", "gpu"):
        assert modes == {"ReadWriteMany"}
        return
    assert modes == {"ReadWriteOnce"}
    if overlay == "digitalocean":  # whose nodes are many: one pod has the volume, and training joins it
        assert {pod.name for pod in pods(Variant(overlay)) if mounts_a_claim(pod.spec)} == {"operator", "training"}
        (affinity,) = workload(Variant(overlay), "training").spec["affinity"]["podAffinity"].values()
        assert affinity[0]["labelSelector"]["matchLabels"] == {"app.kubernetes.io/name": "operator"}


def mounts_a_claim(spec: dict[str, Any]) -> bool:
    return any("persistentVolumeClaim" in volume for volume in spec["volumes"])


def test_readers_of_an_object_store_start_when_the_release_has_come() -> None:
    variant = Variant("digitalocean")
    for name in ("serving", "gateway"):
        pod = workload(variant, name)
        first = pod.spec["initContainers"][0]
        assert (first["name"], first["restartPolicy"]) == ("pull", "Always")
        assert first["startupProbe"]["exec"]["command"] == ["test", "-s", "/models/release.json"]
        assert key(pod.spec) == "object-store-reader"
    operator = workload(variant, "operator")
    assert [one["name"] for one in operator.spec["initContainers"]] == ["restore", "seed"]
    assert key(operator.spec) == "object-store-writer"


def key(spec: dict[str, Any]) -> str:
    (secret,) = (volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume)
    return str(secret)


def test_models_of_an_image_are_copied_before_anything_waits_for_them() -> None:
    variant = Variant("production", ("model-image",))
    names = [one["name"] for one in workload(variant, "serving").spec["initContainers"]]
    assert names == ["models", "wait-for-release"]
    assert {pod.name for pod in pods(variant)} == {"serving", "gateway"}


def test_a_release_in_a_config_map_is_read_from_a_folder_by_a_fixed_name() -> None:
    variant = Variant("production", ("release-configmap",))
    for name in ("serving", "gateway"):
        pod = workload(variant, name)
        assert {"name": "release", "configMap": {"name": "vitrine-release"}} in pod.spec["volumes"]
        assert {"name": "release", "mountPath": "/release", "readOnly": True} in pod.main["volumeMounts"]
    serving = workload(variant, "serving").main
    assert "--model_config_file=/release/models.config" in serving["args"]
    assert "/release/models.config" in serving["startupProbe"]["exec"]["command"]
    environment = {one["name"]: one["value"] for one in workload(variant, "gateway").main["env"]}
    assert environment["MODEL_REPOSITORY"] == "/release"


def test_graphics_cards_are_asked_for_where_they_are() -> None:
    pod = workload(Variant("gpu"), "serving")
    assert pod.main["image"].endswith("-gpu")
    assert pod.main["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod.spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert not workload(Variant("gpu"), "gateway").spec.get("tolerations")


def test_prometheus_finds_both_and_knows_the_alerts_of_the_compose_file() -> None:
    variant = Variant("production", ("monitoring",))
    services = of_kind(variant, "Service")
    for name, monitor in of_kind(variant, "ServiceMonitor").items():
        (found,) = (
            one
            for one in services.values()
            if selects(monitor["spec"]["selector"]["matchLabels"], one["metadata"]["labels"])
        )
        assert found["metadata"]["name"] == name
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in found["spec"]["ports"]}
    (rule,) = of_kind(variant, "PrometheusRule").values()
    assert rule["spec"] == load(K8S.parent / "docker" / "monitoring" / "prometheus" / "alerts.yml")
    scraped = load(K8S.parent / "docker" / "monitoring" / "prometheus" / "prometheus.yml")["scrape_configs"]
    jobs = {one["job_name"]: one.get("metrics_path", "/metrics") for one in scraped}
    for monitor in of_kind(variant, "ServiceMonitor").values():
        (endpoint,) = monitor["spec"]["endpoints"]
        (label,) = endpoint["relabelings"]
        assert (label["targetLabel"], jobs[label["replacement"]]) == ("job", endpoint["path"])
    boards = {path.name for path in (K8S.parent / "docker" / "monitoring" / "grafana" / "dashboards").glob("*.json")}
    assert set(of_kind(variant, "ConfigMap")["dashboards"]["data"]) == boards
