"""TeacherTrainer: TRILL's own recipe or COLA's, for those with no released teacher.

In: clip records (train, eval). Out: a ``TeacherModel`` (``teacher.json``, ``teacher.weights.h5``).
Goes wrong if the train split has fewer clips long enough for a pair of windows than a batch needs.
"""
