"""Completion policy `manifest`: whole when all that a provider's list names is there.

Here: that policy. Not here: how a list is read and matched (`file_lists`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cleanroom_pipeline.inbound.completion.decision import Decision, Look
from cleanroom_pipeline.inbound.completion.defaults import PolicyDefaults
from cleanroom_pipeline.inbound.completion.file_lists import (
    ListForm,
    RelativeTo,
    decide_by_lists,
    keys_meant,
    read_list,
)
from cleanroom_pipeline.inbound.completion.patterns import compile_glob
from cleanroom_pipeline.model import Arrival

# https://experienceleague.adobe.com/en/docs/experience-platform/destinations/ui/activate/export-datasets
AEP_PATTERN = "manifest-*.json"
AEP_FORM = ListForm("json", files="exportResults", name="name", size="size", folder="sinkPath")


@dataclass(frozen=True, slots=True)
class ProviderManifest(PolicyDefaults):
    """Whole once every file of a list is there, of the size stated. Choose it before any other.

    It is the only policy that knows from the provider which files make a delivery. Each list is one
    delivery, however the files of several come in between one another; the earliest that is whole
    is taken first. What no list names waits for one that does.
    """

    pattern: str
    form: ListForm
    relative_to: RelativeTo = "manifest"
    name: str = "manifest"

    def __post_init__(self) -> None:
        compile_glob(self.pattern, field="pattern")

    def is_signal(self, key: str) -> bool:
        """Take each list as a signal, by its name within its folder."""
        pattern = compile_glob(self.pattern, field="pattern")
        return pattern.match(PurePosixPath(key).name) is not None

    def wanted_documents(self, signals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Need the content of every list."""
        return [signal for signal in signals if self.is_signal(signal.key)]

    def decide(self, look: Look) -> Decision:
        """Decide by the lists, the earliest first."""

        def meant(list_key: str, name: str) -> Iterator[str]:
            return keys_meant(list_key, name, self.relative_to)

        lists = [
            read_list(signal, look.documents, self.form)
            for signal in self.wanted_documents(look.signals)
        ]
        others = [signal for signal in look.signals if not self.is_signal(signal.key)]
        return decide_by_lists(lists, look.data, used_up=others, meant=meant)


def aep_manifest(pattern: str = AEP_PATTERN) -> ProviderManifest:
    """Return the policy for the manifests of Adobe Experience Platform's exports.

    Adobe documents `sinkPath` as the path in the storage where the file is; to which folder it is
    relative, it does not, so every folder above the manifest is tried.
    """
    return ProviderManifest(pattern, AEP_FORM, relative_to="prefix")
