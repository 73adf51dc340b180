"""The names of the files in a job's folder, which the server and the worker process agree on.

<job>/request.json                          what the worker process is to do, and within which limits
<job>/upload.model calibration.npz labels.npz   what the client sent
<job>/old.prunus                            the artifact to be tuned again, where there is no upload
<job>/out/                                  what the worker made; it becomes the folder of a version
"""

REQUEST_FILE = "request.json"
# The name on disk of each file part of an upload.
FILE_PARTS = {
    "file": "upload.model",
    "calibration": "calibration.npz",
    "labels": "labels.npz",
}
OLD_ARTIFACT_FILE = "old.prunus"
OUTPUT_FOLDER = "out"
ARTIFACT_FILE = "model.prunus"
KERAS_FILE = "pruned.keras"
REPORT_FILE = "report.json"
REPORT_TEXT_FILE = "report.md"
RESULT_FILE = "result.json"
