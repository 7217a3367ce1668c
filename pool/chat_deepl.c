/*
 * DeepL: translation, and correction by DeepL Write. https://developers.deepl.com/api-reference
 *
 * Texts stand alone and whole: no instructions, no stream. Characters are billed, context is not.
 */
#include "base/status.h"
#include "pool/chat.h"
#include "pool/chat_provider.h"
#include "pool/internal_json.h"
#include <stdio.h>
#include <string.h>

#define HTTP_QUOTA_EXCEEDED 456

/* Spoken: variants are one language. */
static const struct chat_language sources[] = {
    {"ar", "AR"}, {"bg", "BG"}, {"cs", "CS"}, {"da", "DA"}, {"de", "DE"}, {"el", "EL"},
    {"en", "EN"}, {"es", "ES"}, {"et", "ET"}, {"fi", "FI"}, {"fr", "FR"}, {"he", "HE"},
    {"hu", "HU"}, {"id", "ID"}, {"it", "IT"}, {"iw", "HE"}, {"ja", "JA"}, {"ko", "KO"},
    {"lt", "LT"}, {"lv", "LV"}, {"nb", "NB"}, {"nl", "NL"}, {"no", "NB"}, {"pl", "PL"},
    {"pt", "PT"}, {"ro", "RO"}, {"ru", "RU"}, {"sk", "SK"}, {"sl", "SL"}, {"sv", "SV"},
    {"th", "TH"}, {"tr", "TR"}, {"uk", "UK"}, {"vi", "VI"}, {"zh", "ZH"}, {NULL, NULL},
};

/* Where variants differ, a tag without one means the most spoken. */
static const struct chat_language targets[] = {
    {"ar", "AR"},         {"bg", "BG"},         {"cs", "CS"},         {"da", "DA"},
    {"de", "DE"},         {"el", "EL"},         {"en", "EN-US"},      {"en-AU", "EN-GB"},
    {"en-GB", "EN-GB"},   {"en-IE", "EN-GB"},   {"en-IN", "EN-GB"},   {"en-NZ", "EN-GB"},
    {"en-ZA", "EN-GB"},   {"es", "ES"},         {"es-419", "ES-419"}, {"es-AR", "ES-419"},
    {"es-CL", "ES-419"},  {"es-CO", "ES-419"},  {"es-MX", "ES-419"},  {"es-PE", "ES-419"},
    {"es-US", "ES-419"},  {"es-VE", "ES-419"},  {"et", "ET"},         {"fi", "FI"},
    {"fr", "FR"},         {"he", "HE"},         {"hu", "HU"},         {"id", "ID"},
    {"it", "IT"},         {"iw", "HE"},         {"ja", "JA"},         {"ko", "KO"},
    {"lt", "LT"},         {"lv", "LV"},         {"nb", "NB"},         {"nl", "NL"},
    {"no", "NB"},         {"pl", "PL"},         {"pt", "PT-BR"},      {"pt-PT", "PT-PT"},
    {"ro", "RO"},         {"ru", "RU"},         {"sk", "SK"},         {"sl", "SL"},
    {"sv", "SV"},         {"th", "TH"},         {"tr", "TR"},         {"uk", "UK"},
    {"vi", "VI"},         {"zh", "ZH-HANS"},    {"zh-HK", "ZH-HANT"}, {"zh-Hant", "ZH-HANT"},
    {"zh-MO", "ZH-HANT"}, {"zh-TW", "ZH-HANT"}, {NULL, NULL},
};

/* Write corrects fewer; a variant it does not know would be turned into another, which is no
 * mistake of the speaker: then none is named. */
static const struct chat_language written[] = {
    {"de", "de"},       {"en", ""},         {"en-GB", "en-GB"}, {"en-US", "en-US"}, {"es", "es"},
    {"fr", "fr"},       {"it", "it"},       {"ja", "ja"},       {"ko", "ko"},       {"pt", ""},
    {"pt-BR", "pt-BR"}, {"pt-PT", "pt-PT"}, {"zh", "zh"},       {NULL, NULL},
};

static void text_field(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\"%s\":", name);
    chat__json_string(out, value);
}

static void text_list(struct buf *out, const char *text)
{
    buf_puts(out, "{\"text\":[");
    chat__json_string(out, text);
    buf_putc(out, ']');
}

static int translate_write(const struct chat_request *request, struct buf *out)
{
    char source[CHAT_LANGUAGE_BYTES], target[CHAT_LANGUAGE_BYTES];
    const struct chat_api *api = request->api;
    if (request->source == NULL || request->target == NULL)
        return STATUS_INVALID;
    if (chat_provider_language(&chat_deepl, false, request->source, source) != STATUS_OK ||
        chat_provider_language(&chat_deepl, true, request->target, target) != STATUS_OK)
        return STATUS_UNSUPPORTED;
    text_list(out, request->user);
    text_field(out, "source_lang", source);
    text_field(out, "target_lang", target);
    if (request->context != NULL && request->context[0] != '\0')
        text_field(out, "context", request->context);
    if (request->model[0] != '\0')
        text_field(out, "model_type", request->model);
    if (api->glossary != NULL && api->glossary[0] != '\0')
        text_field(out, "glossary_id", api->glossary);
    /* One utterance is one text, and its missing full stop is no slip. */
    buf_puts(out, ",\"split_sentences\":\"0\",\"preserve_formatting\":true,"
                  "\"show_billed_characters\":true}");
    return buf_status(out);
}

static int correct_write(const struct chat_request *request, struct buf *out)
{
    char language[CHAT_LANGUAGE_BYTES];
    if (request->source == NULL)
        return STATUS_INVALID;
    if (chat_provider_language(&chat_deepl_write, false, request->source, language) != STATUS_OK)
        return STATUS_UNSUPPORTED;
    text_list(out, request->user);
    if (language[0] != '\0')
        text_field(out, "target_lang", language);
    buf_putc(out, '}');
    return buf_status(out);
}

/* One text was asked for; more or fewer are no answer to it. */
static int list_read(const json_t *list, struct chat_answer *out)
{
    if (!json_is_array(list) || json_array_size(list) != 1)
        return STATUS_PROTOCOL;
    const json_t *item = json_array_get(list, 0);
    const char *text = json_string_value(json_object_get(item, "text"));
    if (text == NULL)
        return STATUS_PROTOCOL;
    json_int_t billed = json_integer_value(json_object_get(item, "billed_characters"));
    out->text = text;
    out->used = billed > 0 && billed < UINT32_MAX ? (uint32_t)billed : 0;
    return STATUS_OK;
}

static int translate_read(const json_t *root, struct chat_answer *out)
{
    return list_read(json_object_get(root, "translations"), out);
}

static int correct_read(const json_t *root, struct chat_answer *out)
{
    return list_read(json_object_get(root, "improvements"), out);
}

/* The month's characters are spent: nothing but the account's owner ends that. */
static void error_judge(int http_status, struct chat_error *error)
{
    if (http_status != HTTP_QUOTA_EXCEEDED)
        return;
    error->quota = true;
    if (error->code[0] == '\0')
        snprintf(error->code, sizeof error->code, "quota_exceeded");
}

const struct chat_provider chat_deepl = {
    .name = "deepl",
    .can = CHAT_CAN_TRANSLATE,
    .path = "/v2/translate",
    .probe = "/v2/usage",
    .key_header = "Authorization",
    .key_prefix = "DeepL-Auth-Key ",
    .default_model = "latency_optimized",
    .default_url = "https://api.deepl.com",
    .free_suffix = ":fx",
    .free_url = "https://api-free.deepl.com",
    .sources = sources,
    .targets = targets,
    .request_write = translate_write,
    .answer_read = translate_read,
    .error_judge = error_judge,
};

const struct chat_provider chat_deepl_write = {
    .name = "deepl_write",
    .can = CHAT_CAN_CORRECT,
    .path = "/v2/write/correct",
    .probe = "/v2/usage",
    .key_header = "Authorization",
    .key_prefix = "DeepL-Auth-Key ",
    .default_model = "",
    .default_url = "https://api.deepl.com",
    .free_suffix = ":fx",
    .free_url = "https://api-free.deepl.com",
    .sources = written,
    .request_write = correct_write,
    .answer_read = correct_read,
    .error_judge = error_judge,
};
