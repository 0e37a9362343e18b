"""Promotion: what a version must prove to become champion, and how the champion changes."""
