"""Data sets and templates: what campaigns are made of."""

import uuid

from fastapi import APIRouter, Response

from gonogo import parts
from gonogo.call import Call
from gonogo.content import Content, Step, Template
from gonogo.models import Document
from gonogo.parts import Part
from gonogo_api.dialects.bavlio.shapes import DATASET, TEMPLATE, Id, NewDataset, NewRows, NewTemplate
from gonogo_api.door import Reader, StrictRoute, Writer
from gonogo_api.problems import json_response
from gonogo_api.shapes import iso

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, tags=["datasets and templates"])


@router.post("/datasets")
def create_dataset(visit: Writer, body: NewDataset) -> Response:
    made = visit.write(lambda call: _dataset(call, parts.add_dataset(call, DATASET, str(uuid.uuid4()), body.name)))
    return json_response(made, 201)


@router.get("/datasets/{dataset_id}")
def get_dataset(visit: Reader, dataset_id: Id) -> Response:
    return json_response(visit.read(lambda call: _dataset(call, parts.find(call, DATASET, str(dataset_id)))))


@router.post("/datasets/{dataset_id}/rows")
def add_rows(visit: Writer, dataset_id: Id, body: NewRows) -> Response:
    added = visit.write(lambda call: parts.add_rows(call, DATASET, str(dataset_id), body.rows))
    rejected = [{"row": each.row, "reason": each.reason} for each in added.rejected]
    figures = {"added": added.added, "updated": added.updated, "rejected": rejected}
    return json_response({"dataset_id": str(dataset_id), **figures})


@router.post("/templates")
def create_template(visit: Writer, body: NewTemplate) -> Response:
    content = Content((Step(0, Template(body.subject, body.body)),))
    made = visit.write(lambda call: parts.add_text(call, TEMPLATE, str(uuid.uuid4()), body.name, content))
    return json_response(_template(made), 201)


@router.get("/templates/{template_id}")
def get_template(visit: Reader, template_id: Id) -> Response:
    return json_response(_template(visit.read(lambda call: parts.find(call, TEMPLATE, str(template_id)))))


def _dataset(call: Call, part: Part) -> Document:
    total = parts.rows(call, part.list_id).total if part.list_id else 0
    return {"dataset_id": part.wire_id, "name": part.name, "total_rows": total, "created_at": iso(part.created_at)}


def _template(part: Part) -> Document:
    said = part.content.steps[0].template if part.content else Template("", "")
    shown = {"template_id": part.wire_id, "name": part.name, "subject": said.subject, "body": said.body}
    return {**shown, "created_at": iso(part.created_at)}
