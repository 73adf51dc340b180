"""What the versions of a model do not allow: none is active, or no number is left."""

from app.core.errors import StateError


class NoActiveVersionError(StateError):
    """The model has versions, but none of them may answer requests without a version."""

    slug = "no-active-version"
    title = "No version of the model is active"

    def __init__(self, name: str, highest: int) -> None:
        super().__init__(
            f"no version of model {name!r} is active",
            hint=f"name one, such as 'version': {highest},"
            f" or activate one: POST /models/{name}/versions/{highest}/activate",
        )


class NoFreeVersionError(StateError):
    """The version numbers of the model are used up."""

    slug = "no-free-version"
    title = "The model has no version number left"

    def __init__(self, name: str, highest: int) -> None:
        super().__init__(
            f"the next version of model {name!r} would be above {highest}",
            hint="give 'version' a lower number that is free, or upload under another name",
        )
