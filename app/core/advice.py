"""What to do about each kind of problem, with an example: shown by `GET /problems/<slug>`."""

from collections.abc import Mapping
from typing import NamedTuple


class Advice(NamedTuple):
    """What helps against a kind of problem, as sentences, and an example of how it is done right."""

    cure: str
    example: str


_JSON = """curl -H 'Content-Type: application/json' \\
  -d '{"model": "NAME", "inputs": [[1, 2, 3]]}' http://localhost:8000/predict"""
_NPY = """python -c 'import numpy; numpy.save("inputs.npy", numpy.zeros((1, 3), "float32"))'
curl -H 'Content-Type: application/x-npy' --data-binary @inputs.npy \\
  'http://localhost:8000/predict?model=NAME' -o outputs.npy"""
_SEVERAL = """curl -H 'Content-Type: application/json' \\
  -d '{"model": "NAME", "inputs": {"left": [[1, 2]], "right": [[3]]}}' http://localhost:8000/predict"""
_SHOW = "curl http://localhost:8000/models/NAME"
_LIST = "curl http://localhost:8000/models"
_JOBS = "curl http://localhost:8000/jobs"
_DELETE = "curl -X DELETE http://localhost:8000/models/NAME/versions/1"
_RETRY = "curl --retry 5 --retry-connrefused http://localhost:8000/health/ready"
_UPLOAD = "curl -F file=@model.keras -F name=NAME 'http://localhost:8000/models?wait=60'"
_SAVE = 'model.save("model.keras")'
_RECIPE = """curl -F file=@model.keras -F name=NAME \\
  -F 'recipe={"mode": "magnitude", "sparsity": 0.9}' 'http://localhost:8000/models?wait=60'"""
_CALIBRATION = """numpy.savez("calibration.npz", INPUT=samples, labels=class_numbers)
# curl -F calibration=@calibration.npz -F file=@model.keras -F name=NAME http://localhost:8000/models"""
_REPORT = "prunus prune model.keras -o pruned.keras"
_RESAVE = """model = keras.models.load_model("model.keras")
model.save("again.keras")"""
_SPLIT = """for part in numpy.array_split(inputs, 10):
    predict(part)"""
_FIXED = """inputs = keras.Input((28, 28, 1))
model = keras.Model(inputs, trained(inputs))
model.save("fixed.keras")"""

_BUG = "This is a fault of the service or of its host, not of the request. Report it with the log lines of the request."
_LATER = "Send the request again after the seconds that Retry-After gives."
_SETTINGS_PAGE = "docs/deployment.md lists the settings."

ADVICE: Mapping[str, Advice] = {
    # connections
    "malformed-request": Advice("Send HTTP/1.1, and send it to this port without TLS.", _JSON),
    "head-too-large": Advice("Send fewer or shorter header fields, cookies among them.", _JSON),
    "uri-too-long": Advice("Put inputs into the body, not into the query.", _JSON),
    "head-timeout": Advice("Send the whole head at once. A proxy in between may hold it back.", _JSON),
    "too-many-connections": Advice(
        f"Use connections again instead of opening one for each request. {_LATER}", _RETRY
    ),
    "host-not-allowed": Advice(
        "Ask for the service by a name that it knows, or add the name to PRUNUS_ALLOWED_HOSTS.",
        "PRUNUS_ALLOWED_HOSTS=models.example.org prunus serve",
    ),
    "foreign-origin": Advice(
        "Send the request from a program, or from a page of the service's own address.", _JSON
    ),
    # requests
    "invalid-request": Advice(
        "The detail names the field, parameter or header; expected says what it may be.", _JSON
    ),
    "invalid-name": Advice("Choose another name for the model.", _UPLOAD),
    "invalid-json": Advice(
        "Send one JSON object. The got of the problem says at which place the text ends to be JSON. Keys and texts stand"
        " in double quotation marks, and numbers need digits on both sides of the point.",
        _JSON,
    ),
    "invalid-array-file": Advice(
        "Write the file with numpy.save or numpy.savez, convert arrays of objects to numbers before, and send it with"
        " curl --data-binary: -d changes the file.",
        _NPY,
    ),
    "body-too-large": Advice(
        "Send large batches as .npy instead of JSON, or in parts. The hint names the setting that is the limit.", _NPY
    ),
    "body-timeout": Advice("Send the whole body without pauses.", _NPY),
    "upload-timeout": Advice("Send the file over a faster connection, or raise the limit.", _UPLOAD),
    "storage-full": Advice("Delete models that are not needed, or make room on the disk.", _DELETE),
    "unsupported-media-type": Advice(
        "Say by Content-Type what the body is, and send it as it is, without Content-Encoding.", _JSON
    ),
    "not-acceptable": Advice(
        "Leave the Accept header out: the answer then has the form of the request.",
        "curl -H 'Accept: application/json' ...",
    ),
    # inputs of predictions
    "missing-input": Advice("Send an object with one entry for each input of the model.", _SEVERAL),
    "unknown-input": Advice("Use the names of the model's inputs.", _SHOW),
    "wrong-shape": Advice(
        "Bring the array to [batch, ...sample shape]; a single sample is a batch of one.",
        "inputs = inputs.reshape(-1, 64)  # samples of 64 numbers each",
    ),
    "unsuitable-size": Advice(
        "Send a larger size, or one that the model's strides divide.",
        "images = images[:, : height // 32 * 32, : width // 32 * 32]  # of a network that halves five times",
    ),
    "size-too-large": Advice(
        "Send smaller inputs, or cut them into tiles; or raise the setting that the hint names.",
        "for tile in (signal[:, i : i + 8192] for i in range(0, signal.shape[1], 8192)): ...",
    ),
    "index-out-of-range": Advice(
        "Give whole numbers from 0 to the last row of the embedding, as the detail says: a vocabulary of 1,000 words has"
        " the indices 0 to 999. Words that are not in it have an index of their own in most models.",
        "tokens[tokens >= 1000] = 1  # for example, where 1 stands for words that are not known",
    ),
    "wrong-dtype": Advice(
        "Convert the elements to the type that the model declares. Numbers stand in JSON without quotation marks, texts"
        " with them; true and false are no numbers.",
        'inputs = inputs.astype("float32")',
    ),
    "unknown-value": Advice(
        "Send values that the model was trained on, or give the lookup a place for unknown ones"
        " (num_oov_indices=1) and train again.",
        "keras.layers.StringLookup(vocabulary=words, num_oov_indices=1)",
    ),
    "ragged-input": Advice(
        "Give all lists of one level the same length: pad short samples, or send them in requests of their own.",
        "inputs = keras.utils.pad_sequences(samples, maxlen=64)",
    ),
    "empty-batch": Advice("Send at least one sample, or no request.", _JSON),
    "batch-mismatch": Advice("Give every input the same number of samples.", _SEVERAL),
    "batch-too-large": Advice("Send the samples in several requests.", _SPLIT),
    "invalid-inputs": Advice("Compare the inputs with those that the model declares.", _SHOW),
    # what is not there
    "not-found": Advice("Look the path up: GET / lists the routes, /docs describes them.", "curl http://localhost:8000/"),
    "method-not-allowed": Advice("Use a method that the Allow header lists.", _UPLOAD),
    "model-not-found": Advice("Look the name up, or upload the model.", _LIST),
    "version-not-found": Advice("Look the version up, or leave it out.", _SHOW),
    "job-not-found": Advice("Look the job up. Jobs that ended long ago are forgotten.", _JOBS),
    "file-missing": Advice("Upload the model again to make a version with all its files.", _UPLOAD),
    # states
    "model-not-ready": Advice(f"Wait until the job has ended. {_LATER}", _JOBS),
    "model-unavailable": Advice(
        "The got of the problem says why. Upload the model again, or deactivate or delete the version, so that another"
        " one answers.",
        _DELETE,
    ),
    "load-timeout": Advice(
        "Raise the limit for loading, or upload a smaller model. Where other models block the loading, delete those"
        " and start the service again.",
        _DELETE,
    ),
    "sizes-in-use": Advice(f"Send the request again. {_LATER}", _JSON),
    "model-closed": Advice("Send the request again; another version may answer.", _SHOW),
    "no-active-version": Advice(
        "Activate a version after reading its report, or name one in the request.",
        "curl -X POST http://localhost:8000/models/NAME/versions/1/activate",
    ),
    "no-free-version": Advice("Name a lower version that is free.", f"{_UPLOAD} -F version=7"),
    "duplicate-version": Advice("Leave the field version out to get the next free one.", _UPLOAD),
    "job-finished": Advice("Nothing needs to be cancelled. Look at what became of the job.", _JOBS),
    "overloaded": Advice(f"{_LATER} Send fewer requests at a time, or serve on more cores.", _RETRY),
    "too-many-uploads": Advice(_LATER, _UPLOAD),
    "model-memory-full": Advice("Delete versions, or raise PRUNUS_MODEL_MEMORY_MAX_BYTES.", _DELETE),
    "job-queue-full": Advice(_LATER, _JOBS),
    "shutting-down": Advice("Send the request to another instance, or again when the service has started.", _RETRY),
    # model files
    "unreadable-model": Advice("Save the whole model again and upload that file.", _SAVE),
    "not-a-model-file": Advice("Upload what model.save() writes: a .keras or .h5 file with the architecture.", _SAVE),
    "damaged-file": Advice("Copy or save the file again; it may have been cut off on its way.", _SAVE),
    "weights-only": Advice("Save architecture and weights together.", _SAVE),
    "unsafe-archive": Advice("Upload the file as Keras wrote it, not packed again.", _SAVE),
    "unsafe-entry-name": Advice("Upload the file as Keras wrote it, not packed again.", _SAVE),
    "zip-bomb": Advice("Upload the file as Keras wrote it; Keras does not compress.", _SAVE),
    "unsafe-hdf5": Advice("Save the model into one file, without links to others.", _SAVE),
    "over-limit": Advice("The expected of the problem gives the limit. Upload a smaller model, or a part of it.", _SAVE),
    "invalid-config": Advice("Load the model with the Keras that wrote it, and save it again.", _RESAVE),
    "invalid-topology": Advice("Load the model with the Keras that wrote it, and save it again.", _RESAVE),
    "custom-code": Advice(
        "Rebuild the model from layers that are part of Keras. Code that only training needs can be left out.",
        'model = keras.Model(model.input, model.get_layer("last_known_layer").output)',
    ),
    "unsupported-layer": Advice(
        "The problem lists all layers that are not supported. Replace them, or cut the model where they begin or end.",
        'model = keras.Model(model.get_layer("flatten").output, model.output)',
    ),
    "unsupported-argument": Advice("Rebuild the layer without this argument, and copy the weights.", _RESAVE),
    "unsupported-dtype": Advice(
        "Let the model take and compute float32.", 'keras.Input((64,), dtype="float32")'
    ),
    "weights-mismatch": Advice("Build the model by calling it once, and save it again.", "model(samples[:1])\n" + _SAVE),
    "invalid-vocabulary": Advice(
        "Give the layer its vocabulary as a list, or by adapt(), and save the model as a .keras file.",
        "layer.set_vocabulary(list(words))\n" + _SAVE,
    ),
    "non-finite-weights": Advice(
        "Train again with a lower learning rate, or accept them as they are.", f"{_UPLOAD} -F allow_nonfinite=true"
    ),
    "invalid-graph": Advice("Load the model with the Keras that wrote it, and save it again.", _RESAVE),
    "shape-mismatch": Advice("Load the model with the Keras that wrote it, and save it again.", _RESAVE),
    "not-exportable": Advice(f"The model cannot be written for Keras. {_BUG}", _REPORT),
    # pruning and compiling
    "invalid-recipe": Advice("docs/recipes.md describes all fields and their ranges.", _RECIPE),
    "invalid-calibration": Advice(
        "Give each input of the model one array with its own name, finite numbers and the same number of samples; class"
        " numbers are called labels.",
        _CALIBRATION,
    ),
    "pruning-failed": Advice("The detail says which wish cannot be met; ask for less.", _RECIPE),
    "quality-gate-failed": Advice(
        "Remove less, keep float32 weights, or train the pruned model on with its zeros kept; or allow more in the recipe's"
        " max_accuracy_drop, min_agreement or max_change.",
        _RECIPE,
    ),
    "gate-failed": Advice("Prune less, or allow a larger change in the recipe.", _RECIPE),
    "unsupported-model": Advice("The detail says which part cannot be run; rebuild it in another way.", _RESAVE),
    "variable-length": Advice("Give every axis but the batch a fixed length, and save the model again.", _FIXED),
    "unsupported-kernel": Advice(_BUG, _REPORT),
    "weights-too-large": Advice("Use bfloat16, which has the range of float32, or keep float32.", f"{_UPLOAD} -F values=bfloat16"),
    "code-generation-failed": Advice(_BUG, _REPORT),
    "wrong-thread-count": Advice("Set PRUNUS_THREADS to a whole number from 1, or unset it.", "PRUNUS_THREADS=2 prunus serve"),
    "unsuitable-cpu": Advice("Unset PRUNUS_ISA, or set a lower level.", "PRUNUS_ISA=generic prunus serve"),
    "unsafe-object-cache": Advice(
        "Give the folder to the user of the service, and let nobody else write it.", "chmod 700 data/objects"
    ),
    "invalid-program": Advice(_BUG, _REPORT),
    "invalid-artifact": Advice("Compile or upload the model again with this version of Prunus.", _UPLOAD),
    "engine-error": Advice(_BUG, _REPORT),
    "output-check-failed": Advice(
        "The version was not published, so nothing wrong was served. Try another recipe, and report this with the model.",
        _RECIPE,
    ),
    # jobs
    "job-timeout": Advice("Raise PRUNUS_JOB_TIMEOUT_SECONDS, or upload a smaller model.", "PRUNUS_JOB_TIMEOUT_SECONDS=3600 prunus serve"),
    "job-memory-limit": Advice("Raise PRUNUS_JOB_MEMORY_MAX_BYTES, or upload a smaller model.", "PRUNUS_JOB_MEMORY_MAX_BYTES=17179869184 prunus serve"),
    "job-cpu-limit": Advice("Raise PRUNUS_JOB_CPU_MAX_SECONDS, or upload a smaller model.", "PRUNUS_JOB_CPU_MAX_SECONDS=7200 prunus serve"),
    "job-file-limit": Advice("Raise PRUNUS_JOB_FILE_MAX_BYTES, or upload a smaller model.", "PRUNUS_JOB_FILE_MAX_BYTES=8589934592 prunus serve"),
    "job-disk-limit": Advice("Upload a smaller model, or one without optimizer state.", 'model.save("model.keras", include_optimizer=False)'),
    "job-crashed": Advice(_BUG, _JOBS),
    "kernels-not-compiled": Advice(f"{_LATER} If it comes back: {_BUG}", _JOBS),
    "sandbox-unavailable": Advice(
        f"Serve on a kernel that has what the detail names, or work without it. {_SETTINGS_PAGE}", "PRUNUS_SANDBOX=best-effort prunus serve"
    ),
    "job-cancelled": Advice("Upload the model again if it is wanted after all.", _UPLOAD),
    "server-stopped": Advice("Upload the model again: jobs are not resumed.", _UPLOAD),
    # us
    "error": Advice("The detail and the hint of the problem say what to do.", _JSON),
    "internal-error": Advice(_BUG, "grep REQUEST_ID prunus.log"),
}  # fmt: skip
