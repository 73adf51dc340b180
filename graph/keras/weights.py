"""HDF5 arrays -> the weights of each layer, in whichever of Keras' two layouts the file has them."""

from collections.abc import Mapping

from graph.keras.archive import FileFormat, ModelArchive
from graph.keras.description import Model
from graph.keras.folder_weights import layer_folders, read_folders
from graph.keras.legacy_weights import read_legacy
from graph.keras.lookup_classes import LOOKUP_CLASSES
from graph.keras.slots import Collector, LayerWeights


def read_weights(
    archive: ModelArchive, model: Model, *, allow_nonfinite: bool
) -> Mapping[str, LayerWeights]:
    """Return the weights of every layer that has any, by the layer's path.

    Raises:
        WeightsMismatchError: weights are missing, too many, or not the ones the architecture needs.
        NonFiniteWeightsError: NaN or infinity, unless allowed.
        UnsupportedDtypeError: bfloat16 or integers.
    """
    collector = Collector(allow_nonfinite=allow_nonfinite)
    if archive.format is FileFormat.HDF5:
        read_legacy(archive.weights, model, collector)
    else:
        read_folders(archive.weights, model, archive.keras_version, collector)
        if archive.vocabularies:
            _take_vocabularies(archive, model, collector)
    return collector.finished()


def _take_vocabularies(archive: ModelArchive, model: Model, collector: Collector) -> None:
    """Give each layer the file of tokens that lies in the folder of its name."""
    for layer, folder in layer_folders(archive.weights, model, archive.keras_version):
        # The lookup inside TextVectorization has a copy of the file; in some versions it is the only one.
        for place in (folder, f"{folder}/_lookup_layer"):
            if place in archive.vocabularies and layer.class_name in LOOKUP_CLASSES:
                collector.take_vocabulary(layer, archive.vocabularies[place])
                break
