"""Distillation windows in, one student out.

In: a ``DistillationSet`` and, for a warm start, the ``StudentModel`` of a trained sibling. Out: a
``StudentModel`` (``student.json``, the weights, and ``heads.npz`` for siblings that start from it). Goes
wrong if the windows do not fit the front end; a loss that is not finite is not an error but a result: a
``student.json`` with ``failure`` and no weights.
"""
