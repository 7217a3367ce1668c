/** Words of both pages, Spanish. */
export default {
    "name": "sotto",
    "close": "Cerrar",
    "cancel": "Cancelar",
    "retry": "Intentar de nuevo",
    "language": "Idioma",
    "settings": "Ajustes",
    "download": "Descargar",
    "search": "Buscar",

    "signin.title": "Entrar",
    "signin.text": "Este servidor pregunta quién eres. Pega el enlace o el código que te dieron.",
    "signin.wrong": "El código no fue aceptado. Puede haber caducado: pide uno nuevo.",
    "signin.learner": "Este código es para estudiantes. Pide uno para docentes.",
    "signin.field": "Código de acceso",
    "signin.button": "Entrar",
    "signin.out": "Salir",

    "kind.agreement": "Concordancia",
    "kind.article": "Artículo",
    "kind.tense": "Tiempo verbal",
    "kind.number": "Número",
    "kind.preposition": "Preposición",
    "kind.word_order": "Orden de palabras",
    "kind.spelling": "Ortografía",
    "kind.punctuation": "Puntuación",
    "kind.other": "Otro",

    "failed": "Esta frase no tiene traducción",
    "failed.deadline": "La traducción tardó demasiado",
    "failed.budget": "Sin traducción: se está diciendo demasiado en este momento",
    "failed.refused": "Sin traducción: el servicio la rechazó",
    "failed.truncated": "La traducción no está completa",
    "failed.filtered": "Sin traducción: el servicio no tradujo esto",
    "failed.upstream": "Sin traducción: el servicio falló",

    "what.speech":
        "El reconocimiento de voz tiene problemas. Lo que dices se guarda y se lee otra vez.",
    "what.translation": "Algunas traducciones faltan o llegan tarde.",
    "what.grammar": "Por ahora las correcciones faltan o llegan tarde.",
    "what.partial_translation":
        "Las traducciones llegan al terminar cada frase, no mientras hablas.",
    "what.partial_grammar": "Las correcciones llegan al terminar cada frase.",
    "what.storage":
        "El servidor no puede guardar en este momento. Descarga la transcripción por si acaso.",
    "what.other": "Algo funciona peor que de costumbre.",
};
