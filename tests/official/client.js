// The official client, in front of a speech API on loopback: streams PCM in real time and prints each response as a
// JSON line, then {"status": {"code": N, "details": TEXT}}.
//
//   client.js v1|v2 PORT REQUEST.json FILE.pcm
//
// REQUEST is what the first message carries: on v1 the streamingConfig, on v2 the whole request.
'use strict';

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const speech = require('@google-cloud/speech');

const FRAME_MS = 100;
const [api, port, requestFile, audioFile] = process.argv.slice(2);
const request = JSON.parse(fs.readFileSync(requestFile, 'utf8'));
const pcm = fs.readFileSync(audioFile);

const tell = object => fs.writeSync(1, JSON.stringify(object) + '\n');

// A stream that takes PCM, whatever the version.
function open() {
  const client = new speech[api].SpeechClient({
    apiEndpoint: '127.0.0.1',
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
    projectId: 'test',
  });
  if (api === 'v1') {
    const stream = client.streamingRecognize(request);
    return {stream, write: audio => stream.write(audio)};
  }
  const stream = client._streamingRecognize();
  stream.write(request);
  return {stream, write: audio => stream.write({audio})};
}

function end(code, details) {
  tell({status: {code, details}});
  process.exit(0);
}

const {stream, write} = open();
stream.on('data', response => tell(response));
stream.on('error', error => end(error.code, error.details || error.message));
stream.on('end', () => end(0, ''));

const {sampleRateHertz} = api === 'v1' ? request.config : request.streamingConfig.config.explicitDecodingConfig;
const step = (sampleRateHertz / 1000) * FRAME_MS * 2;
const begin = Date.now();
let at = 0;

// By the clock, not by counting: a late timer is made up for.
const timer = setInterval(() => {
  const due = Math.min(pcm.length, step * Math.floor((Date.now() - begin) / FRAME_MS + 1));
  for (; at < due; at += step) write(pcm.subarray(at, Math.min(at + step, pcm.length)));
  if (at < pcm.length) return;
  clearInterval(timer);
  stream.end();
}, FRAME_MS / 2);
