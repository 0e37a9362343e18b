"""Classifiers on frozen students: labelled clips and a student's file in, one file with scores out."""
