"""What Kubernetes takes, as published: JobSet's API v1alpha2 and the Job inside it.

The JobSet's schema is the one that PyPI's kubeflow-trainer-api (Apache-2.0) has of JobSet's
OpenAPI; the Job's is that of Kubernetes in kubernetes-validate. Neither takes unknown fields here,
which a cluster drops or refuses.
"""

import functools
import re

import pytest

KUBERNETES = "1.30"  # Since then a Job's pod failure policy has been stable in all parts used.


@functools.cache
def jobset_schema():
    models = pytest.importorskip("kubeflow_trainer_api.models.jobset_v1alpha2_job_set")
    schema = models.JobsetV1alpha2JobSet.model_json_schema(by_alias=True)
    for kind in [schema, *schema["$defs"].values()]:
        fields = kind.get("properties", {})
        if "actual_instance" in fields:  # An amount, a number or a text: the class wraps it.
            kind.clear()
            kind["anyOf"] = fields["actual_instance"]["anyOf"]
        elif fields:
            kind.setdefault("additionalProperties", False)
    return schema


def check(manifest):
    """Raises jsonschema.ValidationError."""
    jsonschema = pytest.importorskip("jsonschema")
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    jsonschema.Draft202012Validator(jobset_schema()).validate(manifest)
    assert (manifest["apiVersion"], manifest["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    rule = jobset_schema()["$defs"]["JobsetV1alpha2FailurePolicyRule"]["properties"]
    pattern = re.search(r'"(\^.*\$)"', rule["name"]["description"]).group(1)
    for each in manifest["spec"]["failurePolicy"]["rules"]:
        # Of the type they are strings; which ones, the description says.
        jsonschema.validate(each["name"], {"type": "string", "pattern": pattern})
        actions = rule["action"]["description"].partition("Valid values are ")[2].strip(".")
        jsonschema.validate(each["action"], {"enum": actions.split(", ")})
    for replicated in manifest["spec"]["replicatedJobs"]:
        name = f"{manifest['metadata']['name']}-{replicated['name']}-0"
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        job["spec"] = replicated["template"]["spec"]
        kubernetes_validate.validate(job, KUBERNETES, strict=True)
        pod = f"{name}-{job['spec']['completions'] - 1}-abcde"
        assert len(pod) <= 63  # Of a name in DNS; JobSet refuses longer ones.
