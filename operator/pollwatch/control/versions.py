"""Which version there is of each object, read from a list without the rest of it.

Nine tenths of an object's metadata say who has set which of its fields (`managedFields`): made into objects
of Python, they would cost ten times what is wanted of them.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pollwatch.control.follower import ObjectName


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True)


class ObjectVersion(_Read):
    """What tells one version of an object from another (`metav1.ObjectMeta`)."""

    name: str
    namespace: str = ""
    """Empty for kinds that have none."""
    uid: str
    resource_version: str = Field(validation_alias="resourceVersion")

    @property
    def object_name(self) -> ObjectName:
        """Name the object."""
        return ObjectName(self.namespace, self.name)


class _Object(_Read):
    metadata: ObjectVersion


class _ListMetadata(_Read):
    following: str = Field(default="", validation_alias="continue")


class _List(_Read):
    metadata: _ListMetadata
    # Of custom resources, an empty list of metadata alone is `null`.
    items: list[_Object] | None


def read_versions(content: bytes) -> tuple[Sequence[ObjectVersion], str]:
    """Read a page of a `metav1.PartialObjectMetadataList`, in JSON.

    Returns:
        What is on it, and what gives the next page (`metav1.ListMeta.continue`); empty: there is none.

    Raises:
        ValueError: It is none.
    """
    try:
        page = _List.model_validate_json(content)
    except ValidationError as error:
        raise ValueError("no list of metadata") from error
    return [item.metadata for item in page.items or ()], page.metadata.following
