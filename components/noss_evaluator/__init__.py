"""NossEvaluator: how good an embedding is, on the Non-Semantic Speech benchmark's tasks.

In: labelled clips (``NossIngest``) and something that embeds sound: the TFLite variants of one student,
the teacher, or the log-mel baseline. Out: ``noss_report.json``, the predictions behind every figure
(``predictions/<subject>/<task>.csv``) and a TFMA evaluation (``tfma/<subject>/``).

What can go wrong: a task that is required but absent, has one class or an empty split; a file whose
bytes are not the ones the converter reported; an embedding that is not finite (a student's variant is
then refused and listed with the reason, the teacher or a baseline stops the run).
"""
