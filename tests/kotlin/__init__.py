"""Kotlin that the project hands out, compiled and run: the compiler is one of Maven Central."""
