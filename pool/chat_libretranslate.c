/*
 * LibreTranslate. https://docs.libretranslate.com/api/operations/translate/
 *
 * One text, whole, key in the body. Which languages a server has depends on the models it was
 * given; these are those that exist.
 */
#include "base/status.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include "pool/internal_json.h"

static const struct chat_language languages[] = {
    {"ar", "ar"},    {"az", "az"},  {"bg", "bg"},    {"bn", "bn"},      {"ca", "ca"},
    {"cs", "cs"},    {"da", "da"},  {"de", "de"},    {"el", "el"},      {"en", "en"},
    {"eo", "eo"},    {"es", "es"},  {"et", "et"},    {"eu", "eu"},      {"fa", "fa"},
    {"fi", "fi"},    {"fil", "tl"}, {"fr", "fr"},    {"ga", "ga"},      {"gl", "gl"},
    {"he", "he"},    {"hi", "hi"},  {"hu", "hu"},    {"id", "id"},      {"it", "it"},
    {"iw", "he"},    {"ja", "ja"},  {"ko", "ko"},    {"ky", "ky"},      {"lt", "lt"},
    {"lv", "lv"},    {"ms", "ms"},  {"nb", "nb"},    {"nl", "nl"},      {"no", "nb"},
    {"pl", "pl"},    {"pt", "pt"},  {"pt-BR", "pb"}, {"ro", "ro"},      {"ru", "ru"},
    {"sk", "sk"},    {"sl", "sl"},  {"sq", "sq"},    {"sr", "sr"},      {"sv", "sv"},
    {"th", "th"},    {"tl", "tl"},  {"tr", "tr"},    {"uk", "uk"},      {"ur", "ur"},
    {"vi", "vi"},    {"zh", "zh"},  {"zh-HK", "zt"}, {"zh-Hant", "zt"}, {"zh-MO", "zt"},
    {"zh-TW", "zt"}, {NULL, NULL},
};

static void text_field(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\"%s\":", name);
    chat__json_string(out, value);
}

static int request_write(const struct chat_request *request, struct buf *out)
{
    char source[CHAT_LANGUAGE_BYTES], target[CHAT_LANGUAGE_BYTES];
    const char *key = request->api->key;
    if (request->source == NULL || request->target == NULL)
        return STATUS_INVALID;
    if (chat_provider_language(&chat_libretranslate, false, request->source, source) != 0 ||
        chat_provider_language(&chat_libretranslate, true, request->target, target) != 0)
        return STATUS_UNSUPPORTED;
    buf_puts(out, "{\"q\":");
    chat__json_string(out, request->user);
    text_field(out, "source", source);
    text_field(out, "target", target);
    text_field(out, "format", "text");
    if (key != NULL && key[0] != '\0')
        text_field(out, "api_key", key);
    buf_putc(out, '}');
    return buf_status(out);
}

static int answer_read(const json_t *root, struct chat_answer *out)
{
    const char *text = json_string_value(json_object_get(root, "translatedText"));
    if (text == NULL)
        return STATUS_PROTOCOL;
    out->text = text;
    return STATUS_OK;
}

const struct chat_provider chat_libretranslate = {
    .name = "libretranslate",
    .can = CHAT_CAN_TRANSLATE,
    .path = "/translate",
    .probe = "/languages",
    .default_model = "",
    .default_url = "http://127.0.0.1:5000",
    .sources = languages,
    .targets = languages,
    .request_write = request_write,
    .answer_read = answer_read,
};
