/** Words of the learner's page, English. */
export default {
    "skip": "Skip to the captions",
    "captions.label": "Captions",
    "follow": "Back to now",
    "teacher": "Your teacher",

    "welcome.title": "Speak, and read along",
    "welcome.text":
        "Your words appear as you say them, with their translation and with corrections.",
    "welcome.step1": "Choose the languages at the top.",
    "welcome.step2": "Press the round button and allow the microphone.",
    "welcome.step3": "Speak. Tap an underlined word to see why it was corrected.",

    "speak.start": "Start speaking",
    "speak.stop": "Stop",

    "languages.button": "Languages:",
    "languages.title": "Languages",
    "languages.source": "I speak",
    "languages.sourceLive": "Stop to change the language you speak.",
    "languages.targets": "Translate into",
    "languages.target": "Translation {n}",
    "languages.add": "Another language",
    "languages.remove": "Remove {language}",
    "languages.live": "You can change this while you speak.",

    "size.button": "Text size",
    "size.normal": "Normal",
    "size.large": "Large",
    "size.project": "For projecting",

    "set.name": "Your name, as your teacher sees it",
    "set.class": "Class",
    "set.interface": "Language of this page",
    "set.device": "Microphone",
    "set.deviceDefault": "The system’s choice",
    "set.deviceNamed": "Microphone {n}",
    "set.text": "Text size",
    "set.grammar": "Correct my sentences",
    "set.explain": "Explain corrections in",
    "set.explainSource": "the language I speak",
    "set.explainInterface": "the language of this page",
    "set.stability": "Words settle",
    "set.stabilityLow": "at once, and may be wrong",
    "set.stabilityMedium": "soon",
    "set.stabilityHigh": "when they are sure",
    "set.announce": "Read out by a screen reader",
    "set.announceSentences": "finished sentences",
    "set.announceTranslations": "finished translations",
    "set.announceBoth": "both",
    "set.announceNone": "nothing",
    "set.keys": "Keyboard shortcuts",

    "keys.space": "Space",
    "keys.speak": "start and stop",
    "keys.languages": "languages",
    "keys.mistakes": "today’s mistakes",
    "keys.download": "download",
    "keys.text": "text size",
    "keys.settings": "settings",

    "edit.label": "{from}, correction: {to}",
    "edit.insert": "something is missing here: {to}",
    "edit.remove": "{from}, to be left out",
    "edit.nothing": "nothing",

    "mistakes.title": "Today’s mistakes",
    "mistakes.button": "Mistakes",
    "mistakes.empty": "None yet. What is corrected while you speak is kept here until tomorrow.",
    "mistakes.clear": "Forget this list",
    "mistakes.times": "{n} times",

    "download.title": "Download the transcript",
    "download.languages": "Lines",
    "download.spoken": "{language}, as spoken",
    "download.txt": "Text",
    "download.hint":
        "SRT and WebVTT are subtitles. It is made in this page and works without a connection.",
    "download.empty": "There is nothing to download yet.",
    "download.about.one": "{n} sentence so far.",
    "download.about.other": "{n} sentences so far.",

    "latency": "{seconds} s",
    "latency.title": "From the end of your words to the text: {seconds} seconds",

    "state.idle": "Press the button and speak",
    "state.returning": "Coming back to your lesson",
    "state.waiting": "Your lesson is still here",
    "state.waiting.detail": "Press the button to go on.",
    "state.opening": "Allow the microphone",
    "state.opening.detail": "Your browser asks at the top of its window.",
    "state.connecting": "Connecting",
    "state.connecting.detail": "You can speak already.",
    "state.connecting.waiting": "Trying again in {n} s. You can speak already.",
    "state.listening": "Listening",
    "state.hearing": "Hearing you",
    "state.finishing": "Finishing the last sentence",
    "state.reconnecting": "Reconnecting",
    "state.reconnecting.detail": "Go on speaking: it is kept and sent when the connection is back.",
    "state.reconnecting.waiting":
        "Go on speaking: it is kept and sent then. Next try in {n} s, {kept} s kept.",
    "state.reconnecting.offline":
        "This device is offline. Go on speaking: {kept} s are kept and sent when it is back.",
    "state.late.detail": "The server is busy: the text comes {n} s late. Nothing is lost.",
    "state.catchup.detail": "{kept} s of what you said are still on their way.",
    "state.over_capacity": "Waiting for a free place",
    "state.over_capacity.detail": "The server is full. What you say is kept; next try in {n} s.",
    "state.goaway": "Changing over",
    "state.goaway.detail": "The server restarts. Go on speaking, nothing is lost.",
    "state.suspended": "The microphone is paused",
    "state.suspended.interrupted": "By a call or by sleep. It goes on by itself.",
    "state.suspended.system": "It is muted in the system or on the headset.",
    "state.suspended.gesture": "The browser wants you to tap once.",
    "state.lost": "The microphone is gone",
    "state.lost.detail": "Taking another one. What you have said is kept.",
    "state.ended": "Finished",
    "state.ended.detail": "Press the button to go on.",
    "state.failed": "It stopped",
    "state.signin": "Sign in to begin",
    "state.denied": "No access to the microphone",
    "state.no-device": "No microphone",

    "help.denied.title": "The microphone is not allowed",
    "help.denied.permission":
        "Tap the symbol beside the address, set the microphone to “Allow”, and try again.\n" +
        "If it is not listed there, allow your browser to use it in the system’s privacy settings.",
    "help.denied.dismissed":
        "The question was closed without an answer. Try again and choose “Allow”.",
    "help.denied.insecure":
        "Browsers give a microphone only to secure pages. Open this page by its https:// address.",
    "help.no-device.title": "There is no microphone",
    "help.no-device.none":
        "Plug one in or switch your headset on. It is used as soon as it is there.",
    "help.no-device.busy":
        "Another program is using the microphone. Close it there, for instance a video call.",
    "help.microphone.title": "The microphone cannot be used",
    "help.microphone.text": "This browser could not start it. A current Chrome, Edge, Firefox or " +
        "Safari can.\n{reason}",
    "help.suspended.title": "The microphone is paused",
    "help.suspended.text": "Tap to go on.",
    "help.resume": "Go on",
    "help.failed.title": "The connection ended",
    "help.failed.text": "What you have said so far is still here. Press the button to go on.",
    "help.failed.resume_refused":
        "You were away too long, and the server closed the lesson. What was said is still here.",
    "help.failed.replaced": "The lesson goes on in another window.",
    "help.failed.unsupported_language":
        "This server does not know one of the languages. Choose another one.",
    "help.failed.too_many_targets": "These are too many languages. Choose fewer.",
    "help.failed.session_too_long":
        "This lesson reached its longest time. You can begin a new one.",
    "help.failed.idle": "Nothing was heard for a long time, so the lesson was closed.",
    "help.failed.over_capacity": "The server is full. Try again in a moment.",
    "help.failed.upstream_refused": "Speech in this language cannot be recognised here.",
    "help.languages": "Choose languages",

    "notice.goaway": "The server restarts. Go on speaking, nothing is lost.",
    "notice.dropped":
        "The connection was away too long: {n} s of what you said are lost. The rest is kept.",
    "notice.refused": "Speech in this language cannot be recognised here. Choose another one.",
    "notice.fallback": "Your microphone is gone. Listening with {device} now.",
    "notice.elsewhere":
        "Your lesson goes on in another window. What you say here begins a new one.",
    "notice.again":
        "You were away too long for this lesson to go on. A new one has begun; the text is kept.",
};
