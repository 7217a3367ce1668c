// The three services, read from their definitions at run time. NODE_PATH is the folder `npm ci` filled.
'use strict';

const path = require('path');
const loader = require('@grpc/proto-loader');

const modules = process.env.NODE_PATH;
const speech = path.join(modules, '@google-cloud/speech/build/protos');
const options = {
  keepCase: true,
  longs: Number,
  enums: String,
  oneofs: true,
  includeDirs: [speech, path.join(modules, 'google-gax/build/protos'), __dirname],
};

// Where a request carries what, on each wire.
const WIRES = {
  v1: {
    file: 'google/cloud/speech/v1/cloud_speech.proto',
    service: 'google.cloud.speech.v1.Speech',
    audio: 'audio_content',
  },
  v2: {
    file: 'google/cloud/speech/v2/cloud_speech.proto',
    service: 'google.cloud.speech.v2.Speech',
    audio: 'audio',
  },
  riva: {
    file: 'riva_asr.proto',
    service: 'nvidia.riva.asr.RivaSpeechRecognition',
    audio: 'audio_content',
  },
};

// Wraps a message's decoder so that `unread` tells how many bytes of it no definition knows: what is decoded and
// encoded again is shorter by them.
function strict(method) {
  const read = method.requestDeserialize;
  const deserialize = bytes => {
    const message = read(bytes);
    return {message, unread: bytes.length - method.requestSerialize(message).length};
  };
  return {...method, requestDeserialize: deserialize};
}

exports.WIRES = WIRES;

exports.load = function (name) {
  const wire = WIRES[name];
  const method = loader.loadSync(wire.file, options)[wire.service].StreamingRecognize;
  return {...wire, name, method: strict(method)};
};
