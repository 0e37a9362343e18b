"""TeacherEmbedder: what the teacher says of every window, for the students to learn from.

In: clip records (train, eval), a teacher's files or a ``TeacherModel``. Out: a ``DistillationSet`` (windows
with their targets by split, ``distillation_set.json`` with the targets' statistics). Goes wrong if the
teacher cannot be loaded, answers with something that is not a number, or a split has no window with sound.
"""
