"""The upload form: what its fields mean, and how OpenAPI describes it."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from app.core.errors import InvalidRequestError
from app.core.job_folder import FILE_PARTS
from app.core.model_request import WEIGHT_TYPES, ModelRequest
from app.services.job_log import MAX_VERSION
from app.services.onboarding import JobRequest
from app.services.storage import checked_name
from app.services.uploads import Upload
from graph.errors import NotAModelFileError
from graph.file_kind import START_BYTES, expect_architecture, refuse_other_kinds
from graph.limits import MAX_NAME_LENGTH

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": False}


def refuse_other_files(upload: Upload) -> None:
    """Look at the first bytes of the model file, so that what is none need not wait for a worker to be refused.

    Raises:
        NotAModelFileError: it is neither HDF5 nor a zip archive that may be a model, nor an architecture with weights
            beside it; the upload's files are removed.
    """
    if "file" not in upload.sizes:
        return
    with (upload.folder / FILE_PARTS["file"]).open("rb") as file:
        start = file.read(START_BYTES)
    try:
        (expect_architecture if "weights" in upload.sizes else refuse_other_kinds)(start)
    except NotAModelFileError:
        upload.discard()
        raise


def job_request(upload: Upload) -> JobRequest:
    """Return what an upload that has arrived asks for; its files are removed if it cannot be used.

    Raises:
        InvalidRequestError: a part is missing or wrong.
        InvalidNameError: the model name is outside the grammar.
        RecipeError: the recipe cannot be used.
    """
    try:
        return _job_request(upload)
    except BaseException:
        upload.discard()
        raise


def _job_request(upload: Upload) -> JobRequest:
    if "file" not in upload.sizes:
        raise InvalidRequestError("the form has no part 'file'", expected="a Keras model file")
    if "name" not in upload.fields:
        raise InvalidRequestError("the form has no field 'name'", expected="the model's name")
    if "labels" in upload.sizes and "calibration" not in upload.sizes:
        raise InvalidRequestError("the form has 'labels' without 'calibration'")
    return JobRequest(
        name=checked_name(upload.fields["name"]),
        version=_version(upload.fields.get("version", "")),
        model=ModelRequest(
            recipe=_recipe(
                upload.fields.get("recipe", ""), has_samples="calibration" in upload.sizes
            ),
            has_calibration="calibration" in upload.sizes,
            has_labels="labels" in upload.sizes,
            has_weights="weights" in upload.sizes,
            allow_nonfinite=_boolean("allow_nonfinite", upload.fields.get("allow_nonfinite", "")),
            weight_type=_weight_type(upload.fields.get("values", "")),
            activate=_activate(upload.fields),
            signature=_signature(upload.fields.get("signature", "")),
        ),
    )


def _version(text: str) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 20 and 0 < int(text) <= MAX_VERSION:
        return int(text)
    raise InvalidRequestError(
        "the field 'version' cannot be used",
        expected=f"a whole number from 1 to {MAX_VERSION}",
        got=repr(text[:40]),
    )


def _recipe(text: str, *, has_samples: bool) -> dict[str, object]:
    if not text.strip():
        return {}
    # Imported here: most uploads have no recipe, and the service starts without the pruning room.
    from pruning.recipe_parser import check_data, parse_recipe

    try:
        recipe = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(
            "the recipe is not JSON",
            expected="a JSON object",
            got=f"{text[:40]!r}: {str(error)[:200]}",
            hint='for example -F \'recipe={"mode": "magnitude", "sparsity": 0.9}\'',
        ) from None
    _refuse_doubles(text)
    parsed = parse_recipe(recipe)  # also refuses what is no object
    # Labels may be among the samples: the job, which reads them, checks again.
    check_data(parsed, has_samples=has_samples, has_labels=has_samples)
    return dict(recipe)


def _refuse_doubles(text: str) -> None:
    """Refuse a recipe that names a field twice: readers of JSON do not agree on which of the two counts."""
    try:
        # Only names are looked at: numbers may stay text.
        json.loads(text, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except RecursionError:
        raise InvalidRequestError("the recipe is nested too deeply") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequestError("the recipe names a field twice", got=repr(name[:40]))
        found[name] = value
    return found


def _activate(fields: Mapping[str, str]) -> bool | None:
    """Return what the client decided, or None: an empty field, too, is a decision that was left out."""
    text = fields.get("activate", "").strip()
    return _boolean("activate", text) if text else None


def _boolean(field: str, text: str) -> bool:
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise InvalidRequestError(
            f"the field {field!r} cannot be used",
            expected="true or false",
            got=repr(text[:40]),
        )
    return value


def _weight_type(text: str) -> str:
    name = text.strip() or WEIGHT_TYPES[0]
    if name not in WEIGHT_TYPES:
        raise InvalidRequestError(
            "the field 'values' cannot be used",
            expected=", ".join(WEIGHT_TYPES),
            got=repr(text[:40]),
        )
    return name


def _signature(text: str) -> str:
    name = text.strip()
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidRequestError(
            "the field 'signature' cannot be used",
            expected=f"a name of at most {MAX_NAME_LENGTH} printable characters",
            got=repr(text[:40]),
        )
    return name


def _part(text: str, **schema: object) -> dict[str, Any]:
    return {"description": text, **schema}


UPLOAD_FORM_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "name"],
                    "properties": {
                        "file": _part(
                            "A .keras file, a .h5/.hdf5 file with the model in it, a SavedModel as .zip or .tar.gz, or"
                            " an architecture as JSON.",
                            type="string",
                            format="binary",
                        ),
                        "weights": _part(
                            "The weights of an architecture as JSON, as save_weights() of Keras writes them to HDF5.",
                            type="string",
                            format="binary",
                        ),
                        "name": _part(
                            "The model's name.",
                            type="string",
                            pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                        ),
                        "version": _part(
                            "The version to make; default the next free one.",
                            type="integer",
                            minimum=1,
                        ),
                        "recipe": _part(
                            "The pruning recipe, a JSON object; default lossless.", type="string"
                        ),
                        "calibration": _part(
                            "A .npz file with one array per input; a .npy file for one input.",
                            type="string",
                            format="binary",
                        ),
                        "labels": _part(
                            "A .npy or .npz file with class numbers for the calibration samples.",
                            type="string",
                            format="binary",
                        ),
                        "allow_nonfinite": _part(
                            "Accept weights that are NaN or infinite.",
                            type="boolean",
                            default=False,
                        ),
                        "values": _part(
                            "What weights are rounded to; 16 bits change the outputs.",
                            type="string",
                            enum=list(WEIGHT_TYPES),
                            default=WEIGHT_TYPES[0],
                        ),
                        "activate": _part(
                            "Whether the version answers predictions that name no version; without it the recipe's"
                            " gate decides.",
                            type="boolean",
                        ),
                        "signature": _part(
                            "Of a SavedModel, the signature to serve; default serving_default, or the only one.",
                            type="string",
                            maxLength=MAX_NAME_LENGTH,
                        ),
                    },
                }
            }
        },
    }
}
