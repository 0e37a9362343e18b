"""One of several workers that train a tiny student together; a program of its own, run by the tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from components.student_trainer.distribution import Workers


def main(windows: str, folder: Path) -> None:
    """Trains and writes down, as every worker does, the weights it ends with and what it told.

    Args:
      windows: Folder of a ``DistillationSet``.
      folder: Of this worker.
    """
    workers = Workers.join()  # before anything else of TensorFlow

    from components.common.modeling.checkpoint import Checkpoints
    from components.common.store.arrays import write_arrays
    from components.student_trainer.settings import TrainingSettings
    from components.student_trainer.training import Training
    from components.student_trainer.window_store import open_store
    from schemas.distillation_reports import DistillationSetInfo
    from schemas.students import FrontEndSpec
    from tests.components.student_trainer.listening import listening
    from tests.students import mobilenet

    training = Training(
        spec=mobilenet("tiny", 0.25, embedding_width=32),
        front_end=FrontEndSpec(),
        settings=TrainingSettings(epochs=2, batch_size=32, batch_norm_momentum=0.8, auxiliary_log_mel=0),
        target_info=DistillationSetInfo.load(windows),
        train=open_store(windows, "train", FrontEndSpec(), folder),
        held_out=open_store(windows, "eval", FrontEndSpec(), folder),
        seed=5,
        checkpoints=Checkpoints(folder / "checkpoints"),
        workers=workers,
    )
    with listening() as heard:
        student, info, heads = training.run()
    write_arrays(folder / "ended.npz", [*student.core.get_weights(), *heads])
    info.save(str(folder))
    (folder / "told.json").write_text(json.dumps([event.kind for event in heard]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
