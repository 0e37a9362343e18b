"""NossComparison: all models of a run side by side, on the same clips, with paired differences.

In: the ``NossReport`` of every candidate, of the teacher and of the references, and the NOSS examples whose
task set says which clips count. Out: ``comparison.json``, the table as Markdown, CSV and one HTML page, and
a heat map.

What can go wrong: a model that was measured on other clips, by another protocol or without samples is left
out of every table and named with the reason; only when nothing remains does the component fail.
"""
