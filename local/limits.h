/* The bounds of local, with units. */
#pragma once

/* The HTTP/2 server; its configuration can set the first four otherwise. */
#define H2_CONNECTIONS_MAX  64   /* open at a time; further ones are closed at once */
#define H2_STREAMS_MAX      2048 /* open at a time over all connections; further ones are refused */
#define H2_BODY_MAX         65536 /* bytes of a request's body */
#define H2_HANDSHAKE_MS     5000
#define H2_IDLE_MS          120000  /* without streams, or with a peer that takes nothing */
#define H2_CONN_STREAMS     100     /* SETTINGS_MAX_CONCURRENT_STREAMS */
#define H2_REQUEST_MS       30000   /* from a request's first byte to its last */
#define H2_HEADERS_MAX      16384   /* bytes of a request's header fields, names and values */
#define H2_HEADER_FIELDS    64      /* header fields of a request */
#define H2_ANSWER_HEADERS   16      /* header fields of an answer */
#define H2_DISCARD_MAX      1048576 /* bytes of a refused body read on before the stream is reset */
#define H2_UNSENT_MAX       1048576 /* bytes of an answer's body the peer has not taken yet */
#define H2_SEND_BYTES       16384   /* bytes gathered for one TLS write */
#define H2_SEND_PLAIN_BYTES 65536   /* bytes gathered for one plaintext write */
#define H2_READ_BYTES       262144  /* the most one read of a plain connection takes */
#define H2_READS_A_TURN     8       /* reads (TLS: records) of one connection in one turn */
#define H2_RESETS_BURST     10000   /* streams a peer may reset at once; past it, it is sent away */
#define H2_RESETS_S         2000 /* and as many a second after that; cancels are no attack here */

#define APERTIUM_PAIRS_MAX   64    /* language pairs; further ones are left out */
#define APERTIUM_STAGES_MAX  24    /* programs of a pair */
#define APERTIUM_ARGS_MAX    12    /* arguments of a program, its name and the end counted */
#define APERTIUM_NAME_MAX    48    /* bytes of a pair's name */
#define APERTIUM_MODE_BYTES  8192  /* of a mode file */
#define APERTIUM_TEXT_MAX    16384 /* bytes of a text to translate */
#define APERTIUM_ANSWER_MAX  131072
#define APERTIUM_DEADLINE_MS 4000 /* of one translation, the start of its programs included */

#define APERTIUM_UNITS_MAX    192 /* words and marks of a text looked into between programs */
#define APERTIUM_READINGS_MAX 24  /* of a word */
#define APERTIUM_PUT_BYTES    96  /* of a translation put in place of the dictionary's */
#define APERTIUM_NULLS_MAX    2   /* words a parse for translation may leave out */

#define LOCAL_CHAT_TAG_BYTES       36 /* of a language tag, its NUL counted */
#define LOCAL_CHAT_MODEL_BYTES     128
#define LOCAL_CHAT_FAULT_BYTES     512
#define LOCAL_CHAT_REPLY_MAX       1048576 /* bytes of an answer's body */
#define LOCAL_CHAT_READ_QUEUE      1024    /* requests waiting to be read */
#define LOCAL_CHAT_TRANSLATORS     2       /* threads; a language pair belongs to one of them */
#define LOCAL_CHAT_TRANSLATE_QUEUE 512     /* requests waiting for one of them */
#define LOCAL_CHAT_GRAMMAR_QUEUE   256
#define LOCAL_CHAT_WAIT_MS         20000 /* a request that waited longer is refused */

/* The speech server. */
#define LOCAL_SPEECH_AUDIO_BYTES_MAX 25600 /* audio of one request message */
#define LOCAL_SPEECH_MESSAGE_BYTES_MAX                                                             \
    (1024 * 1024) /* request message; past it gRPC itself refuses */
#define LOCAL_SPEECH_RESPONSE_BYTES_MAX (64 * 1024)  /* one response message */
#define LOCAL_SPEECH_QUEUE_BYTES        (192 * 1024) /* audio of one call waiting for the engine */
#define LOCAL_SPEECH_AHEAD_BYTES        65536        /* sent ahead of our reading, a stream */
#define LOCAL_SPEECH_RESPONSES_SOFT     32    /* responses behind before interim ones are dropped */
#define LOCAL_SPEECH_RESPONSES_MAX      512   /* responses behind before the call is ended */
#define LOCAL_SPEECH_CALLS_MAX          4096  /* open calls */
#define LOCAL_SPEECH_CALL_STREAMS       100   /* calls a connection, as the cloud's front allows */
#define LOCAL_SPEECH_NEWS               4096  /* engine messages waiting for the server's thread */
#define LOCAL_SPEECH_STREAM_S           305   /* age at which a stream is cut */
#define LOCAL_SPEECH_AUDIO_TIMEOUT_MS   10000 /* a stream without audio for so long is ended */
#define LOCAL_SPEECH_TIMEOUT_S_MAX      3600  /* voice activity timeouts beyond count as this */
#define LOCAL_SPEECH_TIMEOUT_MS_MIN     500   /* the least and the most of such a timeout */
#define LOCAL_SPEECH_TIMEOUT_MS_MAX     60000
#define LOCAL_SPEECH_RATE_MIN           8000
#define LOCAL_SPEECH_RATE_MAX           48000
#define LOCAL_SPEECH_TEXT_BYTES         256 /* text of a status */

/* Recognition. */
#define LOCAL_DECODERS_MAX       64    /* decoders of one process */
#define LOCAL_DECODE_THREADS_MAX 32    /* threads they run on */
#define LOCAL_WORDS_MAX          256   /* words of one utterance */
#define LOCAL_WORD_BYTES         64    /* one word */
#define LOCAL_VOCABULARY_WORDS   1000  /* words of the phrases a stream is told to expect */
#define LOCAL_VOCABULARY_LEARNED 50000 /* words one decoder is taught in its life */
#define LOCAL_UTTERANCE_SOFT_MS  12000 /* past it a short pause ends the utterance */
#define LOCAL_UTTERANCE_MS_MAX   20000 /* past it the utterance is cut */
#define LOCAL_PLACE_KEPT_MS      5000  /* a speaker keeps the decoder over a pause of so long */
#define LOCAL_PLACE_WAIT_S       5     /* speech waits so long for a decoder before it is refused */
#define LOCAL_PLACE_WAIT_S_MAX   60    /* … at most, whatever the option says */
#define LOCAL_PLACE_WAITING      2     /* streams that may wait, for each decoder */
#define LOCAL_PLACE_MESSAGES     128   /* newest audio messages a stream's successor is known by */

/* Grammar. */
#define LINK_WORDS_MAX               64   /* of a sentence, as the parser counts */
#define LINK_LINKAGES                20   /* parses the parser keeps of a sentence */
#define LINK_PARSE_S                 1    /* after which it gives up one sentence */
#define LOCAL_GRAMMAR_TEXT_MAX       8192 /* bytes; longer text is returned as it is */
#define LOCAL_GRAMMAR_SENTENCE_WORDS 32   /* longer sentences are taken as right */
#define LOCAL_GRAMMAR_WORD_BYTES     48   /* of a word; longer ones are not judged */
#define LOCAL_GRAMMAR_EDIT_BYTES     112  /* of a correction: two words and what is put between */
#define LOCAL_GRAMMAR_EDITS_MAX      160  /* candidates for a sentence */
#define LOCAL_GRAMMAR_PAIRS_MAX      512  /* pairs of them tried */
#define LOCAL_GRAMMAR_DONE_MAX       16   /* corrections of a sentence */
#define LOCAL_GRAMMAR_PARSES_MAX     500  /* of a sentence */
#define LOCAL_GRAMMAR_BUDGET_MS      300  /* of a text; what is left is taken as right */
#define LOCAL_GRAMMAR_MESSAGE_BYTES  160
#define SLIP_TOKENS_MAX              16 /* words of a pattern of slips */
