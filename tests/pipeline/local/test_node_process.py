"""A node's share of the machine: threads, and one of several devices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fork_server import run_python

# A GPU is not at hand; a processor that TensorFlow sees as two devices goes the same way.
_TRAIN = """
import json, sys
from pathlib import Path
import tensorflow as tf
from components.common.modeling.checkpoint import Checkpoints
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.training import Training
from components.student_trainer.window_store import open_store
from pipeline.local.node_process import Share, within
from schemas.distillation_reports import DistillationSetInfo
from schemas.students import FrontEndSpec
from tests.students import mobilenet

windows, scratch = sys.argv[1:]
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
front_end = FrontEndSpec()
for slot, precision in ((0, "float32"), (3, "bfloat16")):
    with within(Share(threads=1, slot=slot), kind="CPU"):
        training = Training(
            spec=mobilenet("tiny", 0.25, embedding_width=16),
            front_end=front_end,
            settings=TrainingSettings(epochs=1, batch_size=32, precision=precision),
            target_info=DistillationSetInfo.load(windows),
            train=open_store(windows, "train", front_end, Path(scratch)),
            held_out=open_store(windows, "eval", front_end, Path(scratch)),
            seed=1,
            checkpoints=Checkpoints.of(scratch, precision),
        )
        student = training.run().student
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    print(json.dumps(sorted({variable.device for variable in student.core.variables})))
"""


@pytest.mark.slow
def test_a_student_is_trained_on_the_device_of_its_slot(tmp_path: Path) -> None:
    from tests.components.student_trainer.conftest import write_distillation_set

    windows = write_distillation_set(tmp_path / "windows", train=64, held_out=16)
    done = run_python("-c", _TRAIN, windows, str(tmp_path / "scratch"))
    assert done.returncode == 0, done.stderr
    devices = [[name[-5:] for name in json.loads(line)] for line in done.stdout.splitlines()[-2:]]
    assert devices == [["CPU:0"], ["CPU:1"]]
