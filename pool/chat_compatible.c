/*
 * APIs that speak chat completions. What differs is where they are found, how they take the key and
 * what they call the answer's bound.
 *   OpenAI     https://platform.openai.com/docs/api-reference/chat
 *   Azure      https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
 *   vLLM       https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 *   Ollama     https://docs.ollama.com/api/openai-compatibility
 *   llama.cpp  https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
 */
#include "base/status.h"
#include "pool/chat_provider.h"
#include <string.h>

#define CAN_ALL                                                                                    \
    (CHAT_CAN_TRANSLATE | CHAT_CAN_CORRECT | CHAT_CAN_FOLLOW | CHAT_CAN_STREAM |                   \
     CHAT_CAN_STREAM_USAGE | CHAT_CAN_SCHEMA)
#define COMPLETIONS "/chat/completions"
#define MODELS      "/models"

const struct chat_provider chat_openai = {
    .name = "openai",
    .can = CAN_ALL,
    .path = COMPLETIONS,
    .probe = MODELS,
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .default_model = "gpt-4o-mini",
    .default_url = "https://127.0.0.1:8446/v1", /* sotto-local's */
    .max_tokens_field = "max_completion_tokens",
};

/* Ollama and llama.cpp pass over max_completion_tokens without a word; all three take the older
 * name. */
const struct chat_provider chat_vllm = {
    .name = "vllm",
    .can = CAN_ALL,
    .path = COMPLETIONS,
    .probe = MODELS,
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .default_url = "http://127.0.0.1:8000/v1",
    .max_tokens_field = "max_tokens",
};

const struct chat_provider chat_ollama = {
    .name = "ollama",
    .can = CAN_ALL,
    .path = COMPLETIONS,
    .probe = MODELS,
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .default_url = "http://127.0.0.1:11434/v1",
    .max_tokens_field = "max_tokens",
};

const struct chat_provider chat_llama_cpp = {
    .name = "llama_cpp",
    .can = CAN_ALL,
    .path = COMPLETIONS,
    .probe = MODELS,
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .default_model = "default", /* it answers with the model it was started with */
    .default_url = "http://127.0.0.1:8080/v1",
    .max_tokens_field = "max_tokens",
};

static bool is_name(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._") ==
           strlen(text);
}

/* Without a deployment the API of version 1, where the model names it; else a dated one. */
static int azure_path_write(const struct chat_account *account, bool probe, struct buf *out)
{
    const char *deployment = account->deployment != NULL ? account->deployment : "";
    const char *version = account->api_version != NULL ? account->api_version : "";
    if (!is_name(deployment) || !is_name(version))
        return STATUS_INVALID;
    if (deployment[0] == '\0')
        return buf_puts(out, probe ? "/openai/v1" MODELS : "/openai/v1" COMPLETIONS);
    if (version[0] == '\0')
        return STATUS_INVALID;
    if (probe)
        return buf_printf(out, "/openai/models?api-version=%s", version);
    return buf_printf(out, "/openai/deployments/%s" COMPLETIONS "?api-version=%s", deployment,
                      version);
}

const struct chat_provider chat_azure = {
    .name = "azure",
    .can = CAN_ALL,
    .path_write = azure_path_write,
    .key_header = "api-key",
    .key_prefix = "",
    .max_tokens_field = "max_completion_tokens",
};
