/** Words of the learner's page, Spanish. */
export default {
    "skip": "Ir a los subtítulos",
    "captions.label": "Subtítulos",
    "follow": "Volver al presente",
    "teacher": "Tu docente",

    "welcome.title": "Habla y léelo al momento",
    "welcome.text":
        "Tus palabras aparecen mientras las dices, con su traducción y con correcciones.",
    "welcome.step1": "Elige los idiomas arriba.",
    "welcome.step2": "Pulsa el botón redondo y permite el micrófono.",
    "welcome.step3": "Habla. Toca una palabra subrayada para ver por qué se corrigió.",

    "speak.start": "Empezar a hablar",
    "speak.stop": "Parar",

    "languages.button": "Idiomas:",
    "languages.title": "Idiomas",
    "languages.source": "Hablo",
    "languages.sourceLive": "Para un momento para cambiar el idioma que hablas.",
    "languages.targets": "Traducir a",
    "languages.target": "Traducción {n}",
    "languages.add": "Otro idioma",
    "languages.remove": "Quitar {language}",
    "languages.live": "Puedes cambiarlo mientras hablas.",

    "size.button": "Tamaño del texto",
    "size.normal": "Normal",
    "size.large": "Grande",
    "size.project": "Para proyectar",

    "set.name": "Tu nombre, como lo ve tu docente",
    "set.class": "Clase",
    "set.interface": "Idioma de esta página",
    "set.device": "Micrófono",
    "set.deviceDefault": "El que elija el sistema",
    "set.deviceNamed": "Micrófono {n}",
    "set.text": "Tamaño del texto",
    "set.grammar": "Corregir mis frases",
    "set.explain": "Explicar las correcciones en",
    "set.explainSource": "el idioma que hablo",
    "set.explainInterface": "el idioma de esta página",
    "set.stability": "Las palabras quedan fijas",
    "set.stabilityLow": "enseguida, aunque puedan estar mal",
    "set.stabilityMedium": "pronto",
    "set.stabilityHigh": "cuando son seguras",
    "set.announce": "Leído por un lector de pantalla",
    "set.announceSentences": "frases terminadas",
    "set.announceTranslations": "traducciones terminadas",
    "set.announceBoth": "ambas",
    "set.announceNone": "nada",
    "set.keys": "Atajos de teclado",

    "keys.space": "Espacio",
    "keys.speak": "empezar y parar",
    "keys.languages": "idiomas",
    "keys.mistakes": "errores de hoy",
    "keys.download": "descargar",
    "keys.text": "tamaño del texto",
    "keys.settings": "ajustes",

    "edit.label": "{from}, corrección: {to}",
    "edit.insert": "aquí falta algo: {to}",
    "edit.remove": "{from}, sobra",
    "edit.nothing": "nada",

    "mistakes.title": "Errores de hoy",
    "mistakes.button": "Errores",
    "mistakes.empty":
        "Ninguno todavía. Lo que se corrige mientras hablas se guarda aquí hasta mañana.",
    "mistakes.clear": "Olvidar esta lista",
    "mistakes.times": "{n} veces",

    "download.title": "Descargar la transcripción",
    "download.languages": "Líneas",
    "download.spoken": "{language}, lo hablado",
    "download.txt": "Texto",
    "download.hint":
        "SRT y WebVTT son subtítulos. Se hace en esta página y funciona sin conexión.",
    "download.empty": "Todavía no hay nada que descargar.",
    "download.about.one": "{n} frase hasta ahora.",
    "download.about.other": "{n} frases hasta ahora.",

    "latency": "{seconds} s",
    "latency.title": "Del final de tus palabras al texto: {seconds} segundos",

    "state.idle": "Pulsa el botón y habla",
    "state.returning": "Volviendo a tu lección",
    "state.waiting": "Tu lección sigue aquí",
    "state.waiting.detail": "Pulsa el botón para continuar.",
    "state.opening": "Permite el micrófono",
    "state.opening.detail": "El navegador lo pregunta en la parte superior de la ventana.",
    "state.connecting": "Conectando",
    "state.connecting.detail": "Ya puedes hablar.",
    "state.connecting.waiting": "Otro intento en {n} s. Ya puedes hablar.",
    "state.listening": "Escuchando",
    "state.hearing": "Te oigo",
    "state.finishing": "Terminando la última frase",
    "state.reconnecting": "Conectando de nuevo",
    "state.reconnecting.detail": "Sigue hablando: se guarda y se envía al volver la conexión.",
    "state.reconnecting.waiting":
        "Sigue hablando: se guarda y se envía. Otro intento en {n} s, {kept} s guardados.",
    "state.reconnecting.offline":
        "Sin conexión en este dispositivo. Sigue hablando: {kept} s guardados para cuando vuelva.",
    "state.late.detail": "El servidor está ocupado: el texto llega {n} s tarde. No se pierde nada.",
    "state.catchup.detail": "{kept} s de lo que dijiste están aún en camino.",
    "state.over_capacity": "Esperando un lugar libre",
    "state.over_capacity.detail":
        "El servidor está lleno. Lo que dices se guarda; otro intento en {n} s.",
    "state.goaway": "Cambiando de servidor",
    "state.goaway.detail": "El servidor se reinicia. Sigue hablando, no se pierde nada.",
    "state.suspended": "El micrófono está en pausa",
    "state.suspended.interrupted": "Por una llamada o por reposo. Sigue por sí solo.",
    "state.suspended.system": "Está silenciado en el sistema o en los auriculares.",
    "state.suspended.gesture": "El navegador pide que toques una vez.",
    "state.lost": "El micrófono ya no está",
    "state.lost.detail": "Se usa otro. Lo que has dicho se guarda.",
    "state.ended": "Terminado",
    "state.ended.detail": "Pulsa el botón para seguir.",
    "state.failed": "Se detuvo",
    "state.signin": "Entra para empezar",
    "state.denied": "Sin acceso al micrófono",
    "state.no-device": "No hay micrófono",

    "help.denied.title": "El micrófono no está permitido",
    "help.denied.permission":
        "Toca el símbolo junto a la dirección, elige «Permitir» para el micrófono y prueba otra " +
        "vez.\nSi no aparece, permite al navegador usarlo en los ajustes del sistema.",
    "help.denied.dismissed":
        "La pregunta se cerró sin respuesta. Prueba otra vez y elige «Permitir».",
    "help.denied.insecure":
        "Los navegadores solo dan el micrófono a páginas seguras. Abre esta con https://.",
    "help.no-device.title": "No hay ningún micrófono",
    "help.no-device.none": "Conecta uno o enciende tus auriculares. Se usará en cuanto esté.",
    "help.no-device.busy":
        "Otro programa usa el micrófono. Ciérralo allí, por ejemplo una videollamada.",
    "help.microphone.title": "No se puede usar el micrófono",
    "help.microphone.text": "Este navegador no pudo ponerlo en marcha. Un Chrome, Edge, Firefox " +
        "o Safari actual puede.\n{reason}",
    "help.suspended.title": "El micrófono está en pausa",
    "help.suspended.text": "Toca para seguir.",
    "help.resume": "Seguir",
    "help.failed.title": "La conexión terminó",
    "help.failed.text": "Lo que has dicho sigue aquí. Pulsa el botón para seguir.",
    "help.failed.resume_refused":
        "Pasó demasiado tiempo y el servidor cerró la lección. Lo dicho sigue aquí.",
    "help.failed.replaced": "La lección sigue en otra ventana.",
    "help.failed.unsupported_language":
        "Este servidor no conoce uno de los idiomas. Elige otro.",
    "help.failed.too_many_targets": "Son demasiados idiomas. Elige menos.",
    "help.failed.session_too_long":
        "Esta lección llegó a su duración máxima. Puedes empezar otra.",
    "help.failed.idle": "No se oyó nada durante mucho tiempo y la lección se cerró.",
    "help.failed.over_capacity": "El servidor está lleno. Prueba en un momento.",
    "help.failed.upstream_refused": "Aquí no se puede reconocer el habla en este idioma.",
    "help.languages": "Elegir idiomas",

    "notice.goaway": "El servidor se reinicia. Sigue hablando, no se pierde nada.",
    "notice.dropped":
        "La conexión faltó demasiado tiempo: se perdieron {n} s de lo que dijiste. El resto está.",
    "notice.refused": "Aquí no se puede reconocer el habla en este idioma. Elige otro.",
    "notice.fallback": "Tu micrófono ya no está. Ahora se escucha con {device}.",
    "notice.elsewhere":
        "Tu lección sigue en otra ventana. Lo que digas aquí empieza una nueva.",
    "notice.again":
        "Estuviste fuera demasiado tiempo. Empezó una lección nueva; el texto sigue aquí.",
};
