"""A pushed model as an MLflow pyfunc, from code: the serving script and the files of the pushed folder."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

from components.common.package.serving import SCRIPT
from components.common.tracking.stores import quieten_mlflow
from schemas.push_reports import ModelDescription

SERVING_PACKAGES = ("numpy", "ai-edge-litert")
WAVEFORM_COLUMN = "waveform"
RATE_COLUMN = "sample_rate"
PER_WINDOW = "per_window"
# A tenth of a second of silence: long enough to show the form.
EXAMPLE_SAMPLES = 1600


def save_pyfunc(
    path: Path,
    description: ModelDescription,
    folder: Path,
    model_id: str | None = None,
    run_id: str | None = None,
    files: Collection[str] | None = None,
) -> None:
    """Writes an MLflow model; requirements are given, not inferred, and nothing is pickled.

    Args:
      path: Folder to write. ``artifacts/`` holds the files of the pushed folder under their own names, the
        serving script lies beside ``MLmodel``.
      description: Of the model.
      folder: Its pushed version folder.
      model_id: Of the logged model this belongs to.
      run_id: Of the MLflow run it comes from.
      files: Names of what is stored, the script among them or not; None: all that is in the folder.
    """
    quieten_mlflow()
    import mlflow.pyfunc
    from mlflow.models import Model
    from mlflow.models.model import MLMODEL_FILE_NAME, MODEL_CODE_PATH

    model = Model(run_id=run_id, model_uuid=model_id, model_id=model_id)
    script = Path(SCRIPT).name
    names = {path.name for path in folder.iterdir()} if files is None else set(files) - {script}
    with warnings.catch_warnings():
        # MLflow asks for type hints; arrays, ragged lists and tables cannot be one typed list.
        warnings.simplefilter("ignore", UserWarning)
        mlflow.pyfunc.save_model(
            str(path),
            python_model=SCRIPT,
            artifacts={name: str(folder / name) for name in sorted(names)},
            signature=signature(description),
            input_example={WAVEFORM_COLUMN: [0.0] * EXAMPLE_SAMPLES},
            pip_requirements=requirements(),
            mlflow_model=model,
        )
    # MLflow notes where all this was taken from, and reads only the names: no folder of this machine.
    stored = model.flavors[mlflow.pyfunc.FLAVOR_NAME]
    stored[MODEL_CODE_PATH] = script
    for artifact in stored["artifacts"].values():
        artifact["uri"] = artifact["path"]
    model.save(str(path / MLMODEL_FILE_NAME))


def requirements() -> list[str]:
    """What serving needs, pinned to what the model was judged with."""
    return [f"{name}=={importlib.metadata.version(name)}" for name in SERVING_PACKAGES]


def signature(description: ModelDescription) -> Any:
    """Columns ``waveform`` and, if wanted, ``sample_rate`` in; ``(clips, dimensions)`` out.

    MLflow would turn a 2-D array or a ragged list into a table of one column a sample before checking it
    against the columns. It leaves the input alone where a signature counts as taken from type hints; the
    script checks each form itself, with a message for each. A served model then takes ``{"inputs": ...}``.
    """
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
    from mlflow.types.schema import Array

    made = ModelSignature(
        inputs=Schema(
            [
                ColSpec(Array(DataType.double), name=WAVEFORM_COLUMN),
                ColSpec(DataType.long, name=RATE_COLUMN, required=False),
            ]
        ),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, description.outputs[0].shape[-1]))]),
        params=ParamSchema([ParamSpec(PER_WINDOW, DataType.boolean, False)]),
    )
    made._is_signature_from_type_hint = True
    return made
