/* What v1 and v2 of the speech API's messages have in common. */
#pragma once

#include "local/speech_proto.h"
#include "local/speech_wire.h"

int local_speech_timeouts_read(const struct local_proto_field *outer,
                               struct local_speech_config *config);
void local_speech_result_write(struct buf *buf, uint32_t number,
                               const struct local_speech_result *result);
