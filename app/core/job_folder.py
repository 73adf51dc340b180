"""The names of the files in a job's folder, which the server and the worker process agree on.

    request.json        what the worker process is to do, and within which limits
    upload.model        what the client sent, with weights.h5, calibration.npz and labels.npz
    old.prunus          the artifact to be tuned again, where there is no upload
    objects/            kernels that the worker compiled, for itself alone
    out/                what the worker made, of which the server makes the files of a version

Nothing of it but `out/` outlives the job.
"""

REQUEST_FILE = "request.json"
# The name on disk of each file part of an upload.
FILE_PARTS = {
    "file": "upload.model",
    "weights": "weights.h5",
    "calibration": "calibration.npz",
    "labels": "labels.npz",
}
OLD_ARTIFACT_FILE = "old.prunus"
OBJECTS_FOLDER = "objects"
OUTPUT_FOLDER = "out"
ARTIFACT_FILE = "model.prunus"
KERAS_FILE = "pruned.keras"
# The same for tf.keras 2, where the upload came from Keras 1 or 2.
KERAS2_FILE = "pruned.h5"
REPORT_FILE = "report.json"
REPORT_TEXT_FILE = "report.md"
RESULT_FILE = "result.json"
