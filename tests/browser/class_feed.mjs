/**
 * A class that is made up, for the teacher's page: in place of the page's WebSocket stands a monitor of sotto.monitor.v1
 * with `sessions` seeded learners. `window.classFeed` steers it: nothing moves until a test says so.
 */

/** Source of a script that runs before the page's own. */
export const classFeed = (options) => `(${feed})(${JSON.stringify(options)})`;

/** In the page. */
function feed({ sessions = 30, seed = 1, classes = [""], history = 90, still = false, refuse = "" }) {
    const NAMES = ["Ana", "Bilal", "Chen", "Dolores", "Emre", "Fatima", "Giulia", "Hamid", "Ines", "Jonas", "Kofi",
        "Lucía", "Mateo", "Nadia", "Oksana", "Pedro", "Quynh", "Rosa", "Sven", "Tariq", "Uma", "Vera", "Wanjiru",
        "Ximena", "يوسف", "Zoë", "ليلى", "Łukasz", "Ömer", "玲"];
    // A sentence in all languages, as its learner says it and as it is translated.
    const SENTENCES = [
        { "en-US": "Yesterday I go to the market with my sister and we buyed three red apple",
          "ar-EG": "ذهبت أمس إلى السوق مع أختي واشترينا ثلاث تفاحات حمراء", "es-MX": "Ayer voy al mercado con mi hermana",
          es: "Ayer fui al mercado con mi hermana y compramos tres manzanas rojas",
          ar: "ذهبت أمس إلى السوق مع أختي واشترينا ثلاث تفاحات حمراء",
          fr: "Hier je suis allée au marché avec ma sœur et nous avons acheté trois pommes rouges",
          de: "Gestern war ich mit meiner Schwester auf dem Markt und wir kauften drei rote Äpfel",
          en: "Yesterday I went to the market with my sister and we bought three red apples" },
        { "en-US": "She have a small dog that likes to sleep in the sun", "ar-EG": "عندها كلب صغير يحب النوم في الشمس",
          "es-MX": "Ella tiene un perro pequeño que le gusta dormir al sol",
          es: "Tiene un perro pequeño al que le gusta dormir al sol", ar: "عندها كلب صغير يحب النوم في الشمس",
          fr: "Elle a un petit chien qui aime dormir au soleil", de: "Sie hat einen kleinen Hund, der gern in der Sonne schläft",
          en: "She has a small dog that likes to sleep in the sun" },
        { "en-US": "We was late because the bus did not came this morning", "ar-EG": "تأخرنا لأن الحافلة لم تأت هذا الصباح",
          "es-MX": "Llegamos tarde porque el autobús no vino esta mañana",
          es: "Llegamos tarde porque el autobús no vino esta mañana", ar: "تأخرنا لأن الحافلة لم تأت هذا الصباح",
          fr: "Nous étions en retard parce que le bus n'est pas venu ce matin",
          de: "Wir kamen zu spät, weil der Bus heute Morgen nicht kam",
          en: "We were late because the bus did not come this morning" },
    ];
    const VOICES = [["en-US", ["es"]], ["en-US", ["ar"]], ["en-US", ["fr", "de"]], ["ar-EG", ["en"]], ["es-MX", ["en"]],
        ["en-US", ["es", "fr"]]];
    let random = seed;
    const uniform = () => {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
        return random / 2 ** 32;
    };
    const pick = (list) => list[Math.floor(uniform() * list.length)];
    const words = (text, count) => text.split(" ").slice(0, count).join(" ");

    function learner(i) {
        const [source, targets] = VOICES[i % VOICES.length];
        const name = NAMES[i % NAMES.length] + (i < NAMES.length ? "" : ` ${Math.floor(i / NAMES.length) + 1}`);
        const bad = uniform();
        const state = {
            session: (i + 1).toString(16).padStart(32, "0"), name, class: classes[i % classes.length], source, targets,
            phase: bad < 0.03 ? "held" : "live", audio_ms: Math.floor(60000 + uniform() * 900000),
            speaking: uniform() < 0.5, segment: 91, text: "", translations: {}, mistakes: Math.floor(uniform() ** 2 * 14),
            health: {
                lag_ms: bad > 0.97 ? 3400 : 120, dropped: 0, degraded: bad > 0.93 && bad < 0.96 ? ["translation"] : [],
                reconnects: bad < 0.1 ? 1 : 0, p95_ms: Math.round(450 + uniform() ** 3 * 1600),
            },
        };
        const learner = { state, sentence: pick(SENTENCES), said: 3 + Math.floor(uniform() * 10) };
        speak(learner);
        return learner;
    }

    /** One more word. @returns what changed */
    function speak(learner) {
        const { state } = learner;
        learner.said++;
        if (learner.said > learner.sentence[state.source].split(" ").length) {
            learner.sentence = pick(SENTENCES);
            learner.said = 1;
            state.segment++;
            if (uniform() < 0.3) state.mistakes++;
        }
        state.text = words(learner.sentence[state.source], learner.said);
        state.translations = Object.fromEntries(state.targets.map((lang) => [lang, words(learner.sentence[lang], learner.said)]));
        state.audio_ms += 300;
        state.speaking = uniform() < 0.8;
        const { session, text, translations, audio_ms, speaking, segment, mistakes } = state;
        return { session, text, translations, audio_ms, speaking, segment, mistakes };
    }

    function segmentOf(state, segment) {
        const start_ms = (segment - 1) * 4000;
        const base = { session: state.session, segment, rev: 3, final: true, tentative: "", start_ms, end_ms: start_ms + 3500 };
        const sentence = SENTENCES[segment % 2];
        const text = `${sentence["en-US"]}.`;
        const edits = segment % 2 === 1
            ? [{ start: 4, end: 8, from: "have", to: "has", kind: "agreement", message: "With 'she' use 'has', not 'have'." }]
            : [{ start: 12, end: 14, from: "go", to: "went", kind: "tense", message: "Yesterday is over: use the past." }];
        return {
            segment,
            transcript: { ...base, seq: segment * 3 - 2, type: "transcript", committed: text, language: "en-US" },
            translations: state.targets.map((lang) => ({
                ...base, seq: segment * 3 - 1, type: "translation", lang, source_rev: 3, committed: `${sentence[lang]}.` })),
            grammar: { ...base, seq: segment * 3, type: "grammar", source_rev: 3, corrected: text, edits },
            notes: segment === 88 ? [{ session: state.session, seq: 9000, type: "note", segment, note: "Well said!", by: "Ms. Ortiz" }] : [],
        };
    }

    const learners = Array.from({ length: sessions }, (_, i) => learner(i));
    const control = {
        sockets: [], sent: [], flagged: [], learners,
        tell: (message) => control.socket?.deliver(message),
        get socket() {
            return control.sockets.findLast((socket) => socket.readyState === 1);
        },
        /** One delta in which `count` learners, in turn, have said one more word. */
        next: 0,
        step(count) {
            const changed = [];
            for (let i = 0; i < count; i++) changed.push(speak(learners[control.next++ % learners.length]));
            control.tell({ type: "delta", changed, gone: [] });
            return changed.map(({ session }) => session);
        },
        /** `deltas` of `count` changes each, written out before anything is measured. */
        record(deltas, count) {
            const texts = [];
            for (let i = 0; i < deltas; i++) {
                const changed = [];
                for (let k = 0; k < count; k++) changed.push(speak(learners[control.next++ % learners.length]));
                texts.push(JSON.stringify({ type: "delta", changed, gone: [] }));
            }
            return texts;
        },
        /** Plays a recording, `atOnce` deltas each `everyMs`. @returns a promise of its end */
        play(texts, everyMs, atOnce = 1) {
            let i = 0;
            return new Promise((resolve) => {
                const timer = setInterval(() => {
                    for (let k = 0; k < atOnce; k++) control.socket?.deliverText(texts[i++]);
                    if (i < texts.length) return;
                    clearInterval(timer);
                    resolve();
                }, everyMs);
            });
        },
        change: (i, fields) => {
            Object.assign(learners[i].state, fields);
            control.tell({ type: "delta", changed: [{ session: learners[i].state.session, ...fields }], gone: [] });
        },
        leave: (i) => {
            const [gone] = learners.splice(i, 1);
            control.tell({ type: "delta", changed: [], gone: [gone.state.session] });
        },
        join: () => {
            learners.push(learner(learners.length + 1000));
            control.tell({ type: "delta", changed: [learners.at(-1).state], gone: [] });
        },
        segmentOf,
        cut: (code = 1006) => control.socket?.end(code),
        refuse,
    };
    window.classFeed = control;

    function answer(socket, message) {
        control.sent.push(message);
        if (message.type === "watch") {
            if (control.refuse && message.token !== "good") {
                socket.deliver({ type: "error", code: control.refuse, message: "no", fatal: true, retryable: false });
                return socket.end(1008);
            }
            const states = learners.map(({ state }) => state);
            const seen = states.filter((state) => !message.class || state.class === message.class);
            socket.deliver({ type: "snapshot", sessions: seen });
        } else if (message.type === "history") {
            const { state } = learners.find((one) => one.state.session === message.session);
            const before = message.before_segment ?? history + 1;
            const from = Math.max(1, before - message.limit);
            const segments = Array.from({ length: before - from }, (_, i) => segmentOf(state, from + i));
            socket.deliver({ type: "history", session: message.session, segments, more: from > 1 });
        } else if (message.type === "flag") {
            control.flagged.push(message);
            const { session, segment, note } = message;
            socket.deliver({ type: "flagged", session, segment });
            const seq = 9000 + control.flagged.length;
            socket.deliver({ type: "delta", changed: [], gone: [],
                finals: [{ type: "note", session, segment, note, by: "me", seq }] });
        }
    }

    const Real = window.WebSocket;
    window.WebSocket = class {
        constructor(url, protocols) {
            if (!String(url).endsWith("/v1/monitor")) return new Real(url, protocols);
            this.readyState = 0;
            control.sockets.push(this);
            if (!still) setTimeout(() => this.begin(), 5);
        }
        begin() {
            if (this.readyState !== 0) return;
            if (control.down) return this.end(1006);
            this.readyState = 1;
            this.onopen?.({});
        }
        send(text) {
            if (this.readyState !== 1) throw new Error("sent while not open");
            const message = JSON.parse(text);
            setTimeout(() => answer(this, message), 2);
        }
        /** As on the wire: text that has to be parsed. */
        deliver(message) {
            this.deliverText(JSON.stringify(message));
        }
        deliverText(data) {
            if (this.readyState === 1) this.onmessage?.({ data });
        }
        close() {
            this.readyState = 3;
        }
        end(code) {
            if (this.readyState === 3) return;
            this.readyState = 3;
            this.onclose?.({ code, reason: "" });
        }
    };
}
