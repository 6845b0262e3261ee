"""Data sets and templates: what campaigns are made of."""

import uuid

from fastapi import APIRouter, Response

from gonogo import parts
from gonogo.call import Call
from gonogo.content import Content, Step, Template
from gonogo.parts import Part
from gonogo_api.dialects.bavlio.answers import (
    AddedShown,
    DatasetShown,
    TemplateShown,
    added_shape,
    dataset,
    template,
)
from gonogo_api.dialects.bavlio.shapes import DATASET, TEMPLATE, Id, NewDataset, NewRows, NewTemplate
from gonogo_api.openapi import says
from gonogo_api.problems import json_response
from gonogo_api.routes import StrictRoute
from gonogo_api.visits import Reader, Writer

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, tags=["datasets and templates"])


@router.post("/datasets", status_code=201, responses=says(DatasetShown, 201))
def create_dataset(visit: Writer, body: NewDataset) -> Response:
    """Make an empty data set."""
    made = visit.write(lambda call: _dataset(call, parts.add_dataset(call, DATASET, str(uuid.uuid4()), body.name)))
    return json_response(made, 201)


@router.get("/datasets/{dataset_id}", responses=says(DatasetShown))
def get_dataset(visit: Reader, dataset_id: Id) -> Response:
    """One data set, and how many rows it has."""
    return json_response(visit.read(lambda call: _dataset(call, parts.find(call, DATASET, str(dataset_id)))))


@router.post("/datasets/{dataset_id}/rows", responses=says(AddedShown))
def add_rows(visit: Writer, dataset_id: Id, body: NewRows) -> Response:
    """Add rows, or change those with the same address; up to 1,000 a call. What was launched keeps whom it took."""
    added = visit.write(lambda call: parts.add_rows(call, DATASET, str(dataset_id), body.rows))
    return json_response(added_shape(str(dataset_id), added))


@router.post("/templates", status_code=201, responses=says(TemplateShown, 201))
def create_template(visit: Writer, body: NewTemplate) -> Response:
    """Keep a text that variants of steps can name. A campaign holds the text as it was when it named it."""
    content = Content((Step(0, Template(body.subject, body.body)),))
    made = visit.write(lambda call: parts.add_text(call, TEMPLATE, str(uuid.uuid4()), body.name, content))
    return json_response(template(made), 201)


@router.get("/templates/{template_id}", responses=says(TemplateShown))
def get_template(visit: Reader, template_id: Id) -> Response:
    """One template."""
    return json_response(template(visit.read(lambda call: parts.find(call, TEMPLATE, str(template_id)))))


def _dataset(call: Call, part: Part) -> DatasetShown:
    return dataset(part, parts.rows(call, part.list_id).total if part.list_id else 0)
