"""Sentences to say: small word lists of each language, put together at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Phrases:
    """Parts that make a sentence in any combination.

    Attributes:
      times: When.
      subjects: Who; third person singular.
      actions: Does what.
      places: Where.
    """

    times: tuple[str, ...]
    subjects: tuple[str, ...]
    actions: tuple[str, ...]
    places: tuple[str, ...]


PHRASES: dict[str, Phrases] = {
    "de": Phrases(
        ("heute", "am Morgen", "nach dem Essen", "im Winter", "jeden Abend", "vor einer Stunde", "sonntags"),
        (
            "der alte Lehrer", "meine Schwester", "ein junger Hund", "die Nachbarin", "das Kind", "der Zug",
            "unser Freund", "die Ärztin", "der Gärtner", "jemand",
        ),
        (
            "sucht den Schlüssel", "liest ein dickes Buch", "wartet auf den Regen", "trinkt kaltes Wasser",
            "singt ein leises Lied", "öffnet das Fenster", "kauft frisches Brot", "schreibt einen Brief",
            "zählt die Vögel", "findet keine Antwort",
        ),
        ("am Fluss", "in der Küche", "hinterm Haus", "auf dem Markt", "im Wald", "an der Brücke", "daheim"),
    ),
    "en": Phrases(
        ("today", "in the morning", "after lunch", "in winter", "every evening", "an hour ago", "yesterday"),
        (
            "the old teacher", "my sister", "a young dog", "the neighbour", "the child", "a quiet stranger",
            "our friend", "the doctor", "the gardener", "somebody",
        ),
        (
            "looked for the key", "found a heavy book", "waited for the rain", "drank cold water",
            "sang a quiet song", "opened the window", "bought fresh bread", "wrote a long letter",
            "counted the birds", "gave no answer",
        ),
        (
            "by the river", "in the kitchen", "behind the house", "at the market", "in the forest",
            "next to the bridge", "at home",
        ),
    ),
    "es": Phrases(
        ("hoy", "por la mañana", "después de comer", "en invierno", "cada noche", "hace una hora", "ayer"),
        (
            "el viejo maestro", "mi hermana", "un perro joven", "la vecina", "el niño", "el tren",
            "nuestro amigo", "la doctora", "el jardinero", "alguien",
        ),
        (
            "busca la llave", "lee un libro grande", "espera la lluvia", "bebe agua fría",
            "canta una canción tranquila", "abre la ventana", "compra pan fresco", "escribe una carta",
            "cuenta los pájaros", "no encuentra respuesta",
        ),
        (
            "junto al río", "en la cocina", "detrás de la casa", "en el mercado", "en el bosque",
            "al lado del puente", "en casa",
        ),
    ),
    "fr": Phrases(
        (
            "aujourd'hui", "le matin", "après le repas", "en hiver", "chaque soir", "il y a une heure",
            "le dimanche",
        ),
        (
            "le vieux professeur", "ma sœur", "un jeune chien", "la voisine", "l'enfant", "le train",
            "notre ami", "la docteure", "le jardinier", "quelqu'un",
        ),
        (
            "cherche la clé", "lit un gros livre", "attend la pluie", "boit de l'eau froide",
            "chante une chanson douce", "ouvre la fenêtre", "achète du pain frais", "écrit une lettre",
            "compte les oiseaux", "ne trouve pas de réponse",
        ),
        (
            "près du fleuve", "dans la cuisine", "derrière la maison", "au marché", "dans la forêt",
            "à côté du pont", "à la maison",
        ),
    ),
    "it": Phrases(
        ("oggi", "la mattina", "dopo pranzo", "d'inverno", "ogni sera", "un'ora fa", "la domenica"),
        (
            "il vecchio maestro", "mia sorella", "un giovane cane", "la vicina", "il bambino", "il treno",
            "il nostro amico", "la dottoressa", "il giardiniere", "qualcuno",
        ),
        (
            "cerca la chiave", "legge un grosso libro", "aspetta la pioggia", "beve acqua fredda",
            "canta una canzone dolce", "apre la finestra", "compra il pane fresco", "scrive una lettera",
            "conta gli uccelli", "non trova risposta",
        ),
        (
            "vicino al fiume", "in cucina", "dietro la casa", "al mercato", "nel bosco", "accanto al ponte",
            "a casa",
        ),
    ),
    "ru": Phrases(
        ("сегодня", "утром", "после обеда", "зимой", "каждый вечер", "час назад", "в воскресенье"),
        (
            "старый учитель", "моя сестра", "молодая собака", "соседка", "ребёнок", "поезд", "наш друг",
            "доктор", "садовник", "кто-то",
        ),
        (
            "ищет ключ", "читает толстую книгу", "ждёт дождя", "пьёт холодную воду", "поёт тихую песню",
            "открывает окно", "покупает свежий хлеб", "пишет письмо", "считает птиц", "не находит ответа",
        ),
        ("у реки", "на кухне", "за домом", "на рынке", "в лесу", "возле моста", "дома"),
    ),
}  # fmt: skip

# What the class _unknown_ of the keyword task is made of; a keyword itself is never among them.
OTHER_WORDS = (
    "apple", "bird", "cat", "dog", "eight", "five", "follow", "forward", "four", "happy", "house", "learn",
    "marvin", "nine", "one", "seven", "sheila", "six", "three", "tree", "two", "visual", "wow", "zero",
)  # fmt: skip


def sentence(rng: np.random.Generator, language: str) -> str:
    """A random sentence of three to ten words."""
    phrases = PHRASES[language]
    parts = [_pick(rng, phrases.subjects), _pick(rng, phrases.actions)]
    if rng.random() < 0.5:
        parts.insert(0, _pick(rng, phrases.times))
    if rng.random() < 0.6:
        parts.append(_pick(rng, phrases.places))
    return " ".join(parts) + "."


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]
