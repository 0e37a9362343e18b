"""What MediaPipe's AudioClassifier says of clips; for an environment that has the ``mediapipe`` wheel.

mediapipe_scores.py FILE.tflite CLIPS.npz prints JSON: for each clip its windows, each {label: score}.
"""

import json
import sys

import numpy as np
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import audio
from mediapipe.tasks.python.components import containers

RATE = 16_000


def main(file: str, clips: str) -> None:
    options = audio.AudioClassifierOptions(base_options=tasks.BaseOptions(model_asset_path=file))
    told = []
    with audio.AudioClassifier.create_from_options(options) as classifier, np.load(clips) as held:
        for name in held.files:
            heard = containers.AudioData.create_from_array(held[name], RATE)
            windows = classifier.classify(heard)
            told.append(
                [
                    [
                        {str(one.category_name or one.index): float(one.score) for one in result.categories}
                        for result in window.classifications
                    ]
                    for window in windows
                ]
            )
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
