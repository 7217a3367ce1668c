/**
 * Languages: which are offered, what they are called, which way they run.
 */

/** What may be spoken: tags with the region whose speech is meant. */
export const SPOKEN = [
    "en-US", "en-GB", "en-AU", "en-IN", "ar-EG", "bn-IN", "bg-BG", "ca-ES", "cmn-Hans-CN",
    "yue-Hant-HK", "hr-HR", "cs-CZ", "da-DK", "nl-NL", "et-EE", "fil-PH", "fi-FI", "fr-FR", "fr-CA",
    "gl-ES", "de-DE", "el-GR", "he-IL", "hi-IN", "hu-HU", "id-ID", "it-IT", "ja-JP", "ko-KR",
    "lv-LV", "lt-LT", "ms-MY", "no-NO", "fa-IR", "pl-PL", "pt-BR", "pt-PT", "pa-Guru-IN", "ro-RO",
    "ru-RU", "sr-RS", "sk-SK", "sl-SI", "es-ES", "es-MX", "es-US", "sw-KE", "sv-SE", "ta-IN",
    "te-IN", "th-TH", "tr-TR", "uk-UA", "ur-PK", "vi-VN",
];

/** What may be translated into. */
export const TRANSLATED = [
    "es", "en", "ar", "bn", "bg", "ca", "zh-Hans", "zh-Hant", "hr", "cs", "da", "nl", "et", "fil",
    "fi", "fr", "gl", "de", "el", "gu", "he", "hi", "hu", "id", "it", "ja", "ko", "lv", "lt", "ms",
    "mr", "nb", "fa", "pl", "pt-BR", "pt-PT", "pa", "ro", "ru", "sr", "sk", "sl", "so", "sw", "sv",
    "ta", "te", "th", "tr", "uk", "ur", "vi",
];

const RTL_LANGUAGES = new Set(["ar", "he", "fa", "ur", "ps", "sd", "ug", "yi", "dv", "ckb", "syr"]);
const RTL_SCRIPTS = new Set(["arab", "hebr", "thaa", "syrc", "nkoo", "adlm", "rohg"]);

/** @returns {"rtl"|"ltr"|"auto"} auto: of an unknown language, by its letters */
export function directionOf(tag) {
    if (!tag) return "auto";
    const [base, ...rest] = tag.toLowerCase().split("-");
    const script = rest.find((part) => part.length === 4);
    if (script) return RTL_SCRIPTS.has(script) ? "rtl" : "ltr";
    return RTL_LANGUAGES.has(base) ? "rtl" : "ltr";
}

/** @returns {string} the first part of a tag */
export function baseOf(tag) {
    return tag.toLowerCase().split("-")[0];
}

const namers = new Map();

/** Made once for each language of the interface: it is dear. */
function namer(inLanguage) {
    let names = namers.get(inLanguage);
    if (!names) {
        names = new Intl.DisplayNames([inLanguage], {
            type: "language",
            languageDisplay: "standard",
        });
        namers.set(inLanguage, names);
    }
    return names;
}

/**
 * @param {string} tag
 * @param {string} inLanguage of the interface
 * @returns {string} such as "Spanish" or "Spanish (Mexico)"; the tag itself when nobody knows it
 */
export function languageName(tag, inLanguage) {
    try {
        const name = namer(inLanguage).of(tag) ?? tag;
        return name.charAt(0).toLocaleUpperCase(inLanguage) + name.slice(1);
    } catch {
        return tag;
    }
}

/**
 * The language alone, without its region, where that is clear enough.
 * @returns {string} such as "Spanish"
 */
export function shortLanguageName(tag, inLanguage) {
    const script = tag.split("-").find((part) => part.length === 4);
    const base = baseOf(tag);
    return languageName(script && base === "zh" ? `${base}-${script}` : base, inLanguage);
}

/**
 * @param {string[]} tags
 * @param {string} inLanguage
 * @returns {{tag: string, name: string}[]} by name
 */
export function namedLanguages(tags, inLanguage) {
    const collator = new Intl.Collator(inLanguage);
    return tags
        .map((tag) => ({ tag, name: languageName(tag, inLanguage) }))
        .sort((a, b) => collator.compare(a.name, b.name));
}
