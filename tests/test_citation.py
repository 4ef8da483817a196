"""CITATION.cff is valid by the format's own schema, and agrees with the package."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import yaml

import activeclust

ROOT = Path(__file__).resolve().parents[1]
#: https://github.com/citation-file-format/citation-file-format, version 1.2.0, CC-BY-4.0
SCHEMA = ROOT / "tests" / "fixtures" / "citation" / "cff-1.2.0.schema.json"


def cited() -> dict:
    # the base loader leaves dates and numbers as text, which the schema of version 1.2.0 expects of `version`
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    return yaml.safe_load(text) | {"version": yaml.load(text, yaml.BaseLoader)["version"]}


def test_the_citation_is_valid():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(cited())] == []
    assert list(validator.iter_errors(cited() | {"authors": []})), "the schema itself finds mistakes"


def test_the_citation_agrees_with_the_package():
    about = cited()
    assert about["version"] == activeclust.__version__
    assert about["license"] == "BSD-3-Clause"
    assert about["references"][0]["url"].endswith("2507.20369")
    assert "2507.20369" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"## [{activeclust.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
