"""CorpusSynthesizer: a demo corpus and demo tasks, spoken by eSpeak NG; nothing in, a ``SoundCorpus`` out."""
