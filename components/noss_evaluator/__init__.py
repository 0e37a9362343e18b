"""NossEvaluator: how good an embedding is, on the Non-Semantic Speech benchmark's tasks.

In: labelled clips (``NossIngest``) and something that embeds sound: the TFLite variants of one student,
the teacher, a reference model, or the computed baselines; for a student also the teacher's report, to be
compared with. Out: ``noss_report.json``; by model (``<name>`` is the variant, or the model's name)
``results/<name>.json``, the bootstrapped scores ``samples/<name>.npz``, the predictions
``predictions/<name>/<task>.csv`` and a TFMA evaluation ``tfma/<name>/``; of the teacher also
``embeddings.npz``. Log-mels are kept in the scratch folder for all candidates that share front end, hop
and clips.

What can go wrong: a task that is required but absent, has one class or an empty split; a file whose
bytes are not the ones the converter reported; an embedding that is not finite (a student's variant is
then refused and listed with the reason, any other model stops the run); a protocol that gives what knows
nothing more than chance (checked with the baselines: the run stops, the figures stay).

``noss run`` (``pipeline/noss/run.py``) comes through the same functions (``evaluation.py``).
"""
